import type { Batch, BatchPodState, BatchSummary } from '../../../../contract/batch.ts';
import type { DeviceKind } from '../../../../contract/device.ts';

export const podsWord = (pods: number): string =>
  pods === 1 ? '1 pod' : `${pods.toLocaleString('en-US')} pods`;

/** Name of the action that moves pods to a kind. */
export const batchAction = (to: DeviceKind, pods: number): string =>
  to === 'veth' ? `Fall back ${podsWord(pods)} to veth` : `Promote ${podsWord(pods)} to netkit`;

/** Pods of the batch that are to be moved, or were. */
export const toMove = ({ counts }: Pick<BatchSummary, 'counts'>): number =>
  counts.waiting + counts.running + counts.watched + counts.done + counts.unhealthy;

/** Title of the sheet, by what the batch does now. */
export function batchTitle(batch: Pick<BatchSummary, 'state' | 'to' | 'counts' | 'number'>): string {
  const { state, to, counts } = batch;
  if (state === 'running')
    return to === 'veth' ? `Falling back ${podsWord(toMove(batch))}` : `Promoting ${podsWord(toMove(batch))}`;
  if (state === 'done') return `${podsWord(counts.done)} on ${to}`;
  return `Batch ${batch.number} is ${state}`;
}

/** What each state is called, and the order in which they are listed: what needs an eye first. */
export const stateWords: Record<BatchPodState, string> = {
  unhealthy: 'unhealthy',
  running: 'moving',
  watched: 'moved, being watched',
  waiting: 'waiting',
  refused: 'refused',
  done: 'moved',
  skipped: 'there already',
};

/** In an ended batch nothing waits any longer. */
export const stateWord = (state: BatchPodState, { endedAt }: Pick<Batch, 'endedAt'>): string =>
  state === 'waiting' && endedAt !== null ? 'not begun' : stateWords[state];
