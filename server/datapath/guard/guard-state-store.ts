import { z } from 'zod';
import {
  type GuardAction,
  type GuardThresholdOverrides,
  guardActionSchema,
  guardStageSchema,
  guardThresholdOverridesSchema,
} from '../../../contract/guard.ts';
import type { DatapathContext } from '../datapath-context.ts';
import { type EscalationState, initialEscalationState } from './escalation-policy.ts';

/** Maximum number of actions stored per pod; older actions are dropped. */
const maxActions = 20;
/** Names of the guard's settings in the store. */
const setting = { choice: 'guard', state: 'guard-state' } as const;

/** Guard state of a pod, which is stored and outlives the agent. */
export interface PodGuardState {
  escalation: EscalationState;
  /** Actions of the guard for this pod, newest first. */
  actions: readonly GuardAction[];
}

const storedState = z.object({
  escalation: z.object({
    stage: guardStageSchema,
    lastAction: z.number().nullable(),
    repairs: z.array(z.number()),
    because: z.array(z.string()),
  }),
  actions: z.array(guardActionSchema),
});

const initialState: PodGuardState = { escalation: initialEscalationState, actions: [] };

/** Returns the guard state with an action added to its history. */
export const addGuardAction = (
  { escalation, actions }: PodGuardState,
  action: GuardAction,
): PodGuardState => ({
  escalation,
  actions: [action, ...actions].slice(0, maxActions),
});

/**
 * Holds the users' guard settings by scope (`node` or a pod id) and the guard state of each pod, in memory and in
 * the store.
 */
export class GuardStore {
  readonly choices = new Map<string, GuardThresholdOverrides>();
  readonly #states = new Map<string, PodGuardState>();
  readonly #context: DatapathContext;

  private constructor(context: DatapathContext) {
    this.#context = context;
  }

  /** Reads all settings and states from the store. Values that this version of the agent cannot parse are ignored. */
  static async open(context: DatapathContext): Promise<GuardStore> {
    const store = new GuardStore(context);
    const [choices, states] = await Promise.all([
      context.store.settings(setting.choice),
      context.store.settings(setting.state),
    ]);
    for (const [scope, value] of choices) {
      const choice = guardThresholdOverridesSchema.safeParse(value);
      if (choice.success) store.choices.set(scope, choice.data);
      else context.log.warn({ scope, err: choice.error }, 'settings of the guard cannot be read');
    }
    for (const [scope, value] of states) {
      const state = storedState.safeParse(value);
      if (state.success) store.#states.set(scope, state.data);
      else context.log.warn({ scope, err: state.error }, 'the state of the guard cannot be read');
    }
    return store;
  }

  /**
   * Returns a pod's state with every time limited to `now`, because the clock may have been set back since the state
   * was stored.
   */
  state(podId: string, now: number): PodGuardState {
    const { escalation, actions } = this.#states.get(podId) ?? initialState;
    const { lastAction, repairs } = escalation;
    return {
      escalation: {
        ...escalation,
        lastAction: lastAction && Math.min(lastAction, now),
        repairs: repairs.map((time) => Math.min(time, now)),
      },
      actions,
    };
  }

  /**
   * Saves settings for a scope.
   * @param choice null deletes them
   * @throws the store's error; the previous settings then remain
   */
  async choose(scope: string, choice: GuardThresholdOverrides | null): Promise<void> {
    await this.#context.store.saveSetting(scope, setting.choice, choice);
    if (choice === null) this.choices.delete(scope);
    else this.choices.set(scope, choice);
  }

  /** Stores a pod's state. A failure is only logged, because a full disk must not stop the guard. */
  async save(podId: string, state: PodGuardState): Promise<void> {
    this.#states.set(podId, state);
    try {
      await this.#context.store.saveSetting(podId, setting.state, state);
    } catch (error) {
      this.#context.log.error({ err: error, pod: podId }, 'the state of the guard could not be stored');
    }
  }

  /** Deletes the settings and the state of a pod that is gone. */
  async forget(podId: string): Promise<void> {
    const names = [
      ...(this.choices.delete(podId) ? [setting.choice] : []),
      ...(this.#states.delete(podId) ? [setting.state] : []),
    ];
    try {
      for (const name of names) await this.#context.store.saveSetting(podId, name, null);
    } catch (error) {
      this.#context.log.error(
        { err: error, pod: podId },
        'guard settings of a pod that is gone were not deleted',
      );
    }
  }
}
