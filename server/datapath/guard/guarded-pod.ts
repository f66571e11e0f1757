import type { GuardAction } from '../../../contract/guard.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodGuardState } from './guard-state-store.ts';
import type { PodGuardSignals } from './pod-signals.ts';

/** Pod with its guard signals and guard state. */
export interface GuardedPod {
  pod: LivePod;
  signals: PodGuardSignals;
  state: PodGuardState;
  /** Evaluation that is currently running, or null. */
  evaluating: Promise<void> | null;
  /** Time of the next evaluation, in milliseconds since the epoch. */
  nextEvaluation: number;
}

/** Returns the time in milliseconds since the epoch; the value never decreases while the agent is running. */
export const monotonicEpochMs = (): number => Math.round(performance.timeOrigin + performance.now());

/** Creates a record of a guard action. @param now current time as returned by `monotonicEpochMs` */
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
