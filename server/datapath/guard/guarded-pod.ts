import type { GuardAction } from '../../../contract/guard.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodSignals } from './pod-signals.ts';
import type { GuardState } from './state.ts';

/** What the guard has of a pod. */
export interface GuardedPod {
  pod: LivePod;
  signals: PodSignals;
  state: GuardState;
  /** A round of it runs. */
  evaluating: Promise<void> | null;
  nextEvaluation: number;
}

/** Something else works on the pod, or it is leaving. */
export const isBusy = (pod: LivePod): boolean =>
  pod.migration !== null || pod.repairing !== null || pod.leaving || pod.gone;

/** ms since the epoch, never going back while the agent runs. */
export const clock = (): number => Math.round(performance.timeOrigin + performance.now());

/** @param now of `clock` */
export const newAction = (now: number, act: GuardAction['act'], because: readonly string[]): GuardAction => ({
  time: new Date(now).toISOString(),
  act,
  because: [...because],
  failure: null,
  migrationId: null,
});
