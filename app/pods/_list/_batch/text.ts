import type { Batch, BatchPod, BatchSummary } from '../../../../contract/batch.ts';
import type { BatchCounts, BatchPodState } from '../../../../contract/batch-states.ts';
import type { DeviceKind } from '../../../../contract/device.ts';
import { formatCount } from '../../../_lib/format.ts';
import { formatPodCount } from '../text.ts';

/** Interface texts of batches of migrations. */
export const batchText = {
  sheet: 'Batch',
  notFound: 'No such batch',
  reading: 'Reading the journal',
  planDescription:
    'Pods that will be migrated, and pods that will not, with the reason. Nothing has been changed yet.',
  runDescription: 'Pods of the batch, from its journal.',
  unchanged: 'Nothing was changed.',
  cancel: 'Cancel',
  open: 'Open',
  stop: 'Stop',
  stopDetail: 'Pods not started yet stay as they are. Migrations in progress finish.',
  pause: 'Pause',
  resume: 'Resume',
  skipAndResume: 'Skip and resume',
  done: 'Done',

  options: 'Options',
  parallelism: 'Parallelism',
  oneAtATime: 'the next pod starts when this one is healthy',
  atMost: 'concurrent migrations at most',
  onUnhealthy: 'Stop at the first unhealthy pod',
  stops: 'permanently: pods not started yet stay as they are',
  pauses: 'otherwise the batch pauses and can be resumed',
  onLoss: 'Accept what is not carried over',
  acceptsLoss: 'whatever the plan of a pod names as changed or lost, see its notes',
  refusesLoss: 'otherwise a pod of which something would be changed or lost is refused',
  recreateDetail: 'for example after a change of its settings',

  noneMovable: 'None of the selected pods can be migrated.',
  watched: 'Traffic is checked before and after each migration. The batch pauses on the first unhealthy pod.',

  migrated: 'migrated',
  inProgress: 'in progress',
  waiting: 'waiting',
  notStarted: 'not started',
  unhealthy: 'unhealthy',
  elapsed: 'elapsed',
  took: 'took',
  onNewDevice: ' It is on its new device.',
  onOldDevice: ' It is on its old device.',

  paused: 'Paused: no further pod is migrated.',
  interrupted: 'Interrupted: resume or stop the batch.',
  stopped: 'Stopped: pods not started yet stay as they are.',
} as const;

export const formatRecreateOptionLabel = (kind: DeviceKind): string =>
  `Also recreate pods already on ${kind}`;
export const formatAlreadyOnKind = (kind: DeviceKind): string => `already on ${kind}`;
export const formatNotEnoughSlots = (needed: number, free: number): string =>
  `${needed} slots are needed during the batch, ${free} are free: reduce the parallelism.`;
export const formatBatchNumber = (number: number): string => `Batch ${formatCount(number)}`;
export const formatBatchStripTitle = (number: number, pods: number): string =>
  `${formatBatchNumber(number)}, ${formatPodCount(pods)} to`;
export const formatRetryUnhealthyLabel = (pods: number): string => `Retry ${formatCount(pods)} unhealthy`;
export const formatBatchStartedBy = (number: number, actor: string, time: string): string =>
  `${formatBatchNumber(number)} · by ${actor} · ${time}`;
export const formatBatchPodCount = (pods: number): string => formatPodCount(pods);
/** Formats a batch's progress: `3 migrated, 2 in progress, 1 unhealthy`. */
export const formatBatchProgress = ({ done, running, watched, unhealthy }: BatchCounts): string =>
  [
    `${formatCount(done)} ${batchText.migrated}`,
    ...(running + watched > 0 ? [`${formatCount(running + watched)} ${batchText.inProgress}`] : []),
    ...(unhealthy > 0 ? [`${formatCount(unhealthy)} ${batchText.unhealthy}`] : []),
  ].join(', ');
/** Formats how many pods of a batch migrate at once, and what happens at a loss and at the first unhealthy pod. */
export const formatBatchOptions = ({
  parallelism,
  onUnhealthy,
  onLoss,
}: Pick<Batch, 'parallelism' | 'onUnhealthy' | 'onLoss'>): string =>
  `Parallelism ${parallelism}, ${onUnhealthy === 'pause' ? 'pauses' : 'stops'} on the first unhealthy pod, ${onLoss === 'accept' ? 'accepts losses' : 'refuses pods with losses'},`;

/** Returns true if all pods are already on the target kind, so that the batch recreates their devices. */
const recreates = (to: DeviceKind, pods: readonly Pick<BatchPod, 'from'>[]): boolean =>
  pods.length > 0 && pods.every(({ from }) => from === to);

/** Returns the label of the action that migrates pods to a device kind. */
export function formatBatchActionLabel(to: DeviceKind, pods: readonly Pick<BatchPod, 'from'>[]): string {
  if (recreates(to, pods)) return `Recreate the ${to} devices of ${formatPodCount(pods.length)}`;
  const many = pods.length === 0 ? '' : `${formatPodCount(pods.length)} `;
  return to === 'veth' ? `Fall back ${many}to veth` : `Promote ${many}to netkit`;
}

/** Returns how many pods of a batch have been or will be migrated. */
export const countPodsToMigrate = ({ counts }: Pick<BatchSummary, 'counts'>): number =>
  counts.waiting + counts.running + counts.watched + counts.done + counts.unhealthy;

/** Returns the title of the batch sheet for the batch's state. */
export function formatBatchTitle(batch: Pick<Batch, 'state' | 'to' | 'counts' | 'number' | 'pods'>): string {
  const { state, to, counts, number, pods } = batch;
  if (state === 'done')
    return `${formatPodCount(counts.done)} on ${recreates(to, pods) ? `new ${to} devices` : to}`;
  if (state !== 'running') return `Batch ${number} is ${state}`;
  const verb = recreates(to, pods) ? 'Recreating' : to === 'veth' ? 'Falling back' : 'Promoting';
  return `${verb} ${formatPodCount(countPodsToMigrate(batch))}`;
}

/** Returns true if a batch needs an operator: it was interrupted, or it stopped with unhealthy pods. */
export const batchNeedsOperator = ({ state, counts }: Pick<BatchSummary, 'state' | 'counts'>): boolean =>
  state === 'interrupted' || (state !== 'running' && state !== 'done' && counts.unhealthy > 0);

/** Labels of the states of a batch's pods, in the order in which the states are listed. */
export const batchPodStateLabels: Record<BatchPodState, string> = {
  unhealthy: 'unhealthy',
  running: 'migrating',
  watched: 'migrated, health check running',
  waiting: 'waiting',
  refused: 'refused',
  done: 'migrated',
  skipped: 'already there',
};

/** Returns the label of a pod's state in a batch; in an ended batch, waiting pods are labeled as not started. */
export const formatBatchPodState = (state: BatchPodState, { endedAt }: Pick<Batch, 'endedAt'>): string =>
  state === 'waiting' && endedAt !== null ? batchText.notStarted : batchPodStateLabels[state];

/** Returns the notes on a pod of a batch, without those that the reason for its state repeats. */
export const listBatchPodNotes = ({
  notes = [],
  reason,
}: Pick<BatchPod, 'reason'> & { notes?: readonly string[] }): readonly string[] =>
  // A note is the name of a check and its detail.
  notes.filter((note) => reason?.includes(note.slice(note.indexOf(': ') + 2)) !== true);

/** Returns the label for pods of a planned batch, by what will happen to them. */
export function formatPlannedPodState(state: BatchPodState, to: DeviceKind): string {
  if (state === 'refused') return 'cannot be migrated';
  return state === 'skipped' ? formatAlreadyOnKind(to) : 'to be migrated';
}
