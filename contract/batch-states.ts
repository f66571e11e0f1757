/** States of a pod in a batch. A pod that migrates successfully passes through the first four in order. */
export const batchPodStates = [
  'waiting',
  'running',
  'watched',
  'done',
  'unhealthy',
  'skipped',
  'refused',
] as const;
export type BatchPodState = (typeof batchPodStates)[number];

/** Number of a batch's pods in each state. */
export type BatchCounts = Record<BatchPodState, number>;

/** Counts a batch's pods by state. */
export function countBatchPods(pods: readonly { state: BatchPodState }[]): BatchCounts {
  const counted: BatchCounts = {
    waiting: 0,
    running: 0,
    watched: 0,
    done: 0,
    unhealthy: 0,
    skipped: 0,
    refused: 0,
  };
  for (const { state } of pods) counted[state] += 1;
  return counted;
}
