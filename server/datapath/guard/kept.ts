import { z } from 'zod';
import {
  type GuardAct,
  type GuardChoice,
  guardAct,
  guardChoice,
  guardStage,
} from '../../../contract/guard.ts';
import type { DatapathContext } from '../context.ts';
import { atRest, type LadderState } from './ladder.ts';

/** How many of a pod's acts are kept. */
const keptActs = 20;
const setting = { choice: 'guard', state: 'guard-state' } as const;

/** What of the guard of a pod outlives the agent. */
export interface Kept {
  ladder: LadderState;
  /** The newest first. */
  acts: readonly GuardAct[];
}

const keptState = z.object({
  ladder: z.object({
    stage: guardStage,
    lastAct: z.number().nullable(),
    repairs: z.array(z.number()),
    because: z.array(z.string()),
  }),
  acts: z.array(guardAct),
});

export const nothingKept: Kept = { ladder: atRest, acts: [] };

export const withAct = ({ ladder, acts }: Kept, act: GuardAct): Kept => ({
  ladder,
  acts: [act, ...acts].slice(0, keptActs),
});

/** The guard's part of the books: choices by scope (`node` or a pod's id), and how far it has gone with each pod. */
export class GuardBooks {
  readonly choices = new Map<string, GuardChoice>();
  readonly #states = new Map<string, Kept>();
  readonly #core: DatapathContext;

  private constructor(core: DatapathContext) {
    this.#core = core;
  }

  /** What an agent of another version wrote and this one cannot read is as if it were not there. */
  static async open(core: DatapathContext): Promise<GuardBooks> {
    const books = new GuardBooks(core);
    const [choices, states] = await Promise.all([
      core.books.settings(setting.choice),
      core.books.settings(setting.state),
    ]);
    for (const [scope, value] of choices) {
      const choice = guardChoice.safeParse(value);
      if (choice.success) books.choices.set(scope, choice.data);
      else core.log.warn({ scope, err: choice.error }, 'settings of the guard cannot be read');
    }
    for (const [scope, value] of states) {
      const state = keptState.safeParse(value);
      if (state.success) books.#states.set(scope, state.data);
      else core.log.warn({ scope, err: state.error }, 'the state of the guard cannot be read');
    }
    return books;
  }

  /** The clock may have been set back since: what happened later than now happened now. */
  state(pod: string, now: number): Kept {
    const { ladder, acts } = this.#states.get(pod) ?? nothingKept;
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

  /** `null` takes the choice back. @throws what the books throw; then the old choice stands */
  async choose(scope: string, choice: GuardChoice | null): Promise<void> {
    await this.#core.books.saveSetting(scope, setting.choice, choice);
    if (choice === null) this.choices.delete(scope);
    else this.choices.set(scope, choice);
  }

  /** A disk that is full must not stop the guard. */
  async save(pod: string, kept: Kept): Promise<void> {
    this.#states.set(pod, kept);
    try {
      await this.#core.books.saveSetting(pod, setting.state, kept);
    } catch (error) {
      this.#core.log.error({ err: error, pod }, 'the state of the guard could not be written');
    }
  }

  /** Of a pod that is gone. */
  async forget(pod: string): Promise<void> {
    const names = [
      ...(this.choices.delete(pod) ? [setting.choice] : []),
      ...(this.#states.delete(pod) ? [setting.state] : []),
    ];
    try {
      for (const name of names) await this.#core.books.saveSetting(pod, name, null);
    } catch (error) {
      this.#core.log.error({ err: error, pod }, 'settings of a pod that is gone could not be deleted');
    }
  }
}
