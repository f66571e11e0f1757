import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';
import type { Node } from '../../../../contract/node.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { count } from '../../../_lib/format.ts';

/** Texts of a pod's migrations. */
export const migrationText = {
  list: 'Migrations',
  noMigrations: 'No migrations: the pod is on its first device.',
  noFailedRequests: 'no failed requests',

  sheet: 'Migration',
  notFound: 'No such migration',
  reading: 'Reading the journal',
  planDescription: 'Steps of the migration, each with the equivalent command. Nothing has been changed yet.',
  runDescription: 'Steps of the migration, from its journal.',
  unchanged: 'Nothing was changed.',
  cancel: 'Cancel',
  close: 'Close',
  done: 'Done',
  pending: 'Request sent. The first step starts shortly.',
  refused: 'Refused, see the failed checks above.',
  canFallBack: 'You can fall back to veth at any time.',
  canPromote: 'You can promote back to netkit at any time.',

  plan: 'Plan',
  copyScript: 'Copy as script',
  journalOnly: 'journal only',

  preflight: 'Preflight',
  expected: 'Expected',
  device: 'device',
  hooks: 'hooks',
  sameCounters: 'same counters',
  connections: 'address, TCP',
  unchangedValue: 'unchanged',
  stayOpen: 'stay open',
  time: 'time',
  median: 'median',
  requestsFailed: 'requests failed',

  steps: 'Steps',
  stepTime: 'step',
  endedAt: 'ended at, ms',
  pointOfNoReturn: 'rollback possible until here',
  requestsSucceeded: 'requests succeeded',
  succeeded: 'succeeded',
  failed: 'failed',
  deviceDrops: 'device drops',
  elapsed: 'elapsed',
  duration: 'duration',
  noReportYet: 'Test traffic reports ten times a second; no report yet',
  noRequestCounts: 'The pod has no test traffic, or it did not report in time',
  countedAtEnd: 'Counted when the migration ends',
  verified: 'Verified.',
  workingDevice: 'The pod is on a working device. The journal below shows how far the migration got.',

  closingDoesNotStop: 'Closing this sheet does not stop the migration.',
  pastNoReturn: 'Past routed-host: rollback is no longer possible. ',
  undoDetail: 'Starts a migration back, with its own plan',

  routeInPod: 'route in pod',
  routeOnHost: 'route on host',
  verifiedMark: 'verified',
  notCounted: 'not counted',
} as const;

export const stepsSummary = (steps: number): string => `${steps} steps, each with the equivalent command`;
export const stepsDone = (done: number, all: number): string => `${done} of ${all}`;
export const withoutDrain = (duration: string): string => `, ${duration} without the drain`;
export const copyCommandLabel = (step: string): string => `the command of ${step}`;
export const slotsNote = (from: number, to: number): string => `slot ${from}, then ${to}`;
export const devicesNote = (from: string, to: string): string => `${from}, then ${to}`;
export const earlierMigrations = (migrations: number, to: DeviceKind): string =>
  migrations === 0 ? `no earlier migration to ${to}` : `from ${migrations} of this pod to ${to}`;
export const failedRequests = (requests: number): string => `${count(requests)} requests failed`;
export const ofPackets = (packets: number): string => ` of ${count(packets)} packets`;
export const failureTitle = (title: string, step: string): string => `${title}, at ${step}.`;
export const rolledBack = (kind: DeviceKind): string =>
  `All steps were rolled back. The pod is still on ${kind}.`;
export const journalEntry = (number: number, actor: string, time: string): string =>
  `Journal ${count(number)} · by ${actor} · ${time}`;
export const deviceUpLabel = (device: string): string => `${device} up`;
export const bothUpLabel = (duration: string): string => `both up for ${duration}`;
export const totalLabel = (value: number): string => `${count(value)} in total`;

/** Confirms that the traffic moved: packets by device after both routes were changed. */
export const verifiedDetail = (
  packets: { ingress: number; egress: number; onOldDevice: number },
  from: string,
  to: string,
): string =>
  `${count(packets.ingress)} in and ${count(packets.egress)} out on ${to}, ${packets.onOldDevice === 0 ? 'none' : count(packets.onOldDevice)} on ${from} after both routes were moved.`;

/** Label of the button that migrates a pod to a device kind. */
export const migrationLabel = (to: DeviceKind): string =>
  to === 'veth' ? 'Fall back to veth' : 'Promote to netkit';

/** Title of a migration's sheet by its state. */
export function migrationTitle({ to, from, state }: Pick<Migration, 'to' | 'from' | 'state'>): string {
  if (state === 'running') return to.kind === 'veth' ? 'Falling back to veth' : 'Promoting to netkit';
  if (state === 'done') return `On ${to.kind}`;
  return state === 'undone' ? `Stayed on ${from.kind}` : 'Migration failed';
}

/** Label of the button that starts a migration back to the kind before. */
export const undoLabel = (from: DeviceKind): string =>
  from === 'veth' ? 'Undo: fall back to veth' : 'Undo: promote to netkit';

/** Returns why a pod cannot be migrated, as far as that is known without a plan; null if it can. */
export function migrationDisabledReason(pod: Pod, to: DeviceKind, node: Node | undefined): string | null {
  if (pod.state === 'gone') return 'The pod is gone.';
  if (pod.state === 'migrating') return 'A migration of this pod is running.';
  if (pod.device === null) return 'The pod’s device is gone.';
  const netkit = node?.capabilities.find(({ name }) => name === 'netkit');
  if (to === 'netkit' && netkit?.available === false)
    return `No netkit on this node: ${sentence(netkit.detail)}${netkit.hint === null ? '' : ` ${sentence(netkit.hint)}`}`;
  return null;
}

/** Adds a period unless the text has a final punctuation mark. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Returns the index of the last step that can be rolled back; steps after it have no undo. */
export const lastUndoableIndex = (steps: readonly { undoable: boolean }[]): number =>
  steps.findLastIndex(({ undoable }) => undoable);

/** Splits the note of a check into lines at its semicolons. */
export const splitNote = (detail: string): string[] =>
  detail
    .split(/;\s+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Outcome of a migration in a few words. */
export function migrationOutcome({ state, result, error, steps }: Migration): string {
  if (state === 'running') return 'running';
  if (state !== 'done')
    return `${state} at ${error?.step ?? steps.findLast((step) => step.state !== 'pending')?.step ?? 'planned'}`;
  if (result === null) return 'done';
  const { requestsOk, requestsFailed, deviceDrops } = result;
  if (requestsFailed !== null && requestsOk !== null)
    return `${count(requestsFailed)} of ${count(requestsOk + requestsFailed)} requests failed`;
  return `${count(deviceDrops)} device drops`;
}
