import type { GuardAction } from '../../../contract/guard.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodGuardSignals } from './pod-signals.ts';
import type { PodGuardState } from './guard-store.ts';

/** A pod with the guard's signals and state for it. */
export interface GuardedPod {
  pod: LivePod;
  signals: PodGuardSignals;
  state: PodGuardState;
  /** The evaluation that runs now. */
  evaluating: Promise<void> | null;
  /** Milliseconds since the epoch. */
  nextEvaluation: number;
}

/** Returns milliseconds since the epoch, which never go back while the agent runs. */
export const monotonicEpochMs = (): number => Math.round(performance.timeOrigin + performance.now());

/** @param now of `clock` */
export const createGuardAction = (
  now: number,
  action: GuardAction['action'],
  because: readonly string[],
): GuardAction => ({
  time: new Date(now).toISOString(),
  action,
  because: [...because],
  failure: null,
  migrationId: null,
});
