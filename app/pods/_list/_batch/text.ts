import type { Batch, BatchPod, BatchSummary } from '../../../../contract/batch.ts';
import type { BatchPodState } from '../../../../contract/batch-states.ts';
import type { DeviceKind } from '../../../../contract/device.ts';

export const podCountLabel = (pods: number): string =>
  pods === 1 ? '1 pod' : `${pods.toLocaleString('en-US')} pods`;

/** Whether all are on the kind already and get new devices of it. */
const renews = (to: DeviceKind, pods: readonly Pick<BatchPod, 'from'>[]): boolean =>
  pods.length > 0 && pods.every(({ from }) => from === to);

/** Name of the action that moves these pods to a kind. */
export function batchLabel(to: DeviceKind, pods: readonly Pick<BatchPod, 'from'>[]): string {
  if (renews(to, pods)) return `Renew the ${to} of ${podCountLabel(pods.length)}`;
  const many = pods.length === 0 ? '' : `${podCountLabel(pods.length)} `;
  return to === 'veth' ? `Fall back ${many}to veth` : `Promote ${many}to netkit`;
}

/** Pods of the batch that are to be moved, or were. */
export const podsToMigrate = ({ counts }: Pick<BatchSummary, 'counts'>): number =>
  counts.waiting + counts.running + counts.watched + counts.done + counts.unhealthy;

/** Title of the sheet, by what the batch does now. */
export function batchTitle(batch: Pick<Batch, 'state' | 'to' | 'counts' | 'number' | 'pods'>): string {
  const { state, to, counts, number, pods } = batch;
  if (state === 'done')
    return `${podCountLabel(counts.done)} on ${renews(to, pods) ? `new ${to} devices` : to}`;
  if (state !== 'running') return `Batch ${number} is ${state}`;
  const verb = renews(to, pods) ? 'Renewing' : to === 'veth' ? 'Falling back' : 'Promoting';
  return `${verb} ${podCountLabel(podsToMigrate(batch))}`;
}

/** Whether it is held by something that went wrong, and not by its operator. */
export const needsOperator = ({ state, counts }: Pick<BatchSummary, 'state' | 'counts'>): boolean =>
  state === 'interrupted' || (state !== 'running' && state !== 'done' && counts.unhealthy > 0);

/** What each state is called, and the order in which they are listed: what needs an eye first. */
export const podStateLabels: Record<BatchPodState, string> = {
  unhealthy: 'unhealthy',
  running: 'moving',
  watched: 'moved, being watched',
  waiting: 'waiting',
  refused: 'refused',
  done: 'moved',
  skipped: 'there already',
};

/** In an ended batch nothing waits any longer. */
export const podStateLabel = (state: BatchPodState, { endedAt }: Pick<Batch, 'endedAt'>): string =>
  state === 'waiting' && endedAt !== null ? 'not begun' : podStateLabels[state];
