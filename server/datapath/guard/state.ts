import { z } from 'zod';
import {
  type GuardAction,
  type GuardChoice,
  guardAction,
  guardChoice,
  guardStage,
} from '../../../contract/guard.ts';
import type { DatapathContext } from '../context.ts';
import { type EscalationState, initialEscalation } from './escalation-policy.ts';

/** How many of a pod's acts are kept. */
const keptActs = 20;
const setting = { choice: 'guard', state: 'guard-state' } as const;

/** What of the guard of a pod outlives the agent. */
export interface GuardState {
  ladder: EscalationState;
  /** The newest first. */
  acts: readonly GuardAction[];
}

const keptState = z.object({
  ladder: z.object({
    stage: guardStage,
    lastAct: z.number().nullable(),
    repairs: z.array(z.number()),
    because: z.array(z.string()),
  }),
  acts: z.array(guardAction),
});

export const initialState: GuardState = { ladder: initialEscalation, acts: [] };

export const withAction = ({ ladder, acts }: GuardState, act: GuardAction): GuardState => ({
  ladder,
  acts: [act, ...acts].slice(0, keptActs),
});

/** The guard's part of the store: choices by scope (`node` or a pod's id), and how far it has gone with each pod. */
export class GuardStore {
  readonly choices = new Map<string, GuardChoice>();
  readonly #states = new Map<string, GuardState>();
  readonly #context: DatapathContext;

  private constructor(context: DatapathContext) {
    this.#context = context;
  }

  /** What an agent of another version wrote and this one cannot read is as if it were not there. */
  static async open(context: DatapathContext): Promise<GuardStore> {
    const store = new GuardStore(context);
    const [choices, states] = await Promise.all([
      context.store.settings(setting.choice),
      context.store.settings(setting.state),
    ]);
    for (const [scope, value] of choices) {
      const choice = guardChoice.safeParse(value);
      if (choice.success) store.choices.set(scope, choice.data);
      else context.log.warn({ scope, err: choice.error }, 'settings of the guard cannot be read');
    }
    for (const [scope, value] of states) {
      const state = keptState.safeParse(value);
      if (state.success) store.#states.set(scope, state.data);
      else context.log.warn({ scope, err: state.error }, 'the state of the guard cannot be read');
    }
    return store;
  }

  /** The clock may have been set back since: what happened later than now happened now. */
  state(pod: string, now: number): GuardState {
    const { ladder, acts } = this.#states.get(pod) ?? initialState;
    const { lastAct, repairs } = ladder;
    return {
      ladder: {
        ...ladder,
        lastAct: lastAct && Math.min(lastAct, now),
        repairs: repairs.map((time) => Math.min(time, now)),
      },
      acts,
    };
  }

  /** `null` takes the choice back. @throws what the store throw; then the old choice stands */
  async choose(scope: string, choice: GuardChoice | null): Promise<void> {
    await this.#context.store.saveSetting(scope, setting.choice, choice);
    if (choice === null) this.choices.delete(scope);
    else this.choices.set(scope, choice);
  }

  /** A disk that is full must not stop the guard. */
  async save(pod: string, kept: GuardState): Promise<void> {
    this.#states.set(pod, kept);
    try {
      await this.#context.store.saveSetting(pod, setting.state, kept);
    } catch (error) {
      this.#context.log.error({ err: error, pod }, 'the state of the guard could not be written');
    }
  }

  /** Of a pod that is gone. */
  async forget(pod: string): Promise<void> {
    const names = [
      ...(this.choices.delete(pod) ? [setting.choice] : []),
      ...(this.#states.delete(pod) ? [setting.state] : []),
    ];
    try {
      for (const name of names) await this.#context.store.saveSetting(pod, name, null);
    } catch (error) {
      this.#context.log.error({ err: error, pod }, 'settings of a pod that is gone could not be deleted');
    }
  }
}
