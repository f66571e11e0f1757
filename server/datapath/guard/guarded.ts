import type { GuardAct } from '../../../contract/guard.ts';
import type { LivePod } from '../pod-registry.ts';
import type { Kept } from './kept.ts';
import type { PodWatch } from './watch.ts';

/** What the guard has of a pod. */
export interface Guarded {
  pod: LivePod;
  watch: PodWatch;
  kept: Kept;
  /** A round of it runs. */
  round: Promise<void> | null;
  nextRound: number;
}

/** Something else works on the pod, or it is leaving. */
export const isBusy = (pod: LivePod): boolean =>
  pod.migration !== null || pod.repairing !== null || pod.leaving || pod.gone;

/** ms since the epoch, never going back while the agent runs. */
export const clock = (): number => Math.round(performance.timeOrigin + performance.now());

/** @param now of `clock` */
export const actAt = (now: number, act: GuardAct['act'], because: readonly string[]): GuardAct => ({
  time: new Date(now).toISOString(),
  act,
  because: [...because],
  failure: null,
  migrationId: null,
});
