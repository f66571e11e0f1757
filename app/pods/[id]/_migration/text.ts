import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration, MigrationItem, MigrationResult } from '../../../../contract/migration.ts';
import type { NodeInfo } from '../../../../contract/node.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { formatCount } from '../../../_lib/format.ts';

/** Interface texts of a pod's migrations. */
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
  planChanged: 'Nothing was changed: the pod’s network state is no longer the one of the plan.',
  planReadAgain:
    'The plan below was read again and names what would be changed or lost now. Accept it, then migrate.',
  cancel: 'Cancel',
  close: 'Close',
  done: 'Done',
  pending: 'Request sent. The first step starts shortly.',
  refused: 'Refused, see the reasons above.',
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
  stayOpenExceptNamed: 'except those named below',

  notCarried: 'Not carried over',
  allCarried:
    'Everything is carried over. Only the kind of the device and the indexes of its two interfaces change.',
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
  undoDetail: 'Starts a migration back, with its own plan',

  routeInPod: 'route in pod',
  routeOnHost: 'route on host',
  verifiedMark: 'verified',
  notCounted: 'not counted',
} as const;

export const formatMigrationStepsSummary = (steps: number): string =>
  `${steps} steps, each with the equivalent command`;
export const formatMigrationStepsDone = (done: number, all: number): string => `${done} of ${all}`;
export const formatDurationWithoutDrain = (duration: string): string => `, ${duration} without the drain`;
export const formatCopyStepCommandLabel = (step: string): string => `the command of ${step}`;
export const formatPastNoReturn = (lastUndoable: string): string =>
  `Past ${lastUndoable}: rollback is no longer possible. `;
export const formatSlotChange = (from: number, to: number): string => `slot ${from}, then ${to}`;
export const formatDeviceNameChange = (from: string, to: string): string =>
  from === to ? `${from}, keeps its name` : `${from}, then ${to}`;
export const formatEarlierMigrations = (migrations: number, to: DeviceKind): string =>
  migrations === 0 ? `no earlier migration to ${to}` : `from ${migrations} of this pod to ${to}`;
export const formatFailedRequestCount = (requests: number): string =>
  `${formatCount(requests)} requests failed`;
export const formatOutOfPackets = (packets: number): string => ` of ${formatCount(packets)} packets`;
export const formatMigrationFailureTitle = (title: string, step: string): string => `${title}, at ${step}.`;
export const formatRolledBackNotice = (kind: DeviceKind): string =>
  `All steps were rolled back. The pod is still on ${kind}.`;
export const formatMigrationStartedBy = (number: number, actor: string, time: string): string =>
  `Journal ${formatCount(number)} · by ${actor} · ${time}`;
/** Labels a device in the timing diagram; both devices have the same name when the migration has ended. */
export const formatDeviceUpLabel = (device: 'old' | 'new'): string => `${device} device`;
export const formatRouteTarget = (kind: DeviceKind, slot: number): string => `${kind}, slot ${slot}`;
export const formatBothDevicesUpLabel = (duration: string): string => `both up for ${duration}`;
export const formatRequestTotalLabel = (value: number): string => `${formatCount(value)} in total`;

/**
 * Formats how many packets passed each device after both routes were changed, which confirms that the traffic moved.
 */
export const formatVerifiedTraffic = (packets: {
  ingress: number;
  egress: number;
  onOldDevice: number;
}): string =>
  `${formatCount(packets.ingress)} in and ${formatCount(packets.egress)} out on the new device, ${packets.onOldDevice === 0 ? 'none' : formatCount(packets.onOldDevice)} on the old one after it was drained.`;

/** Returns the label of the button that migrates a pod to a device kind. */
export const formatMigrateButtonLabel = (to: DeviceKind): string =>
  to === 'veth' ? 'Fall back to veth' : 'Promote to netkit';

export const itemEndLabels: Record<MigrationItem['end'], string> = {
  pod: 'Interface in the pod',
  host: 'Interface on the host',
};

/** Outcomes of items, from that which needs most attention. */
const outcomes = ['refused', 'lost', 'changed', 'unknown'] as const;

/** Sorts items by outcome, and keeps the agent's order otherwise. */
export const orderByOutcome = (items: readonly MigrationItem[]): MigrationItem[] =>
  outcomes.flatMap((outcome) => items.filter((item) => item.outcome === outcome));

/** Formats how many items there are of each outcome: `1 refused, 2 lost`. */
export const formatItemCounts = (items: readonly Pick<MigrationItem, 'outcome'>[]): string =>
  outcomes
    .map((outcome) => [items.filter((item) => item.outcome === outcome).length, outcome] as const)
    .filter(([count]) => count > 0)
    .map(([count, outcome]) => `${formatCount(count)} ${outcome}`)
    .join(', ');

export const formatAcceptLabel = (items: number): string =>
  items === 1 ? 'Accept this change' : `Accept these ${formatCount(items)} changes`;
export const formatAcceptFirst = (items: number): string =>
  items === 1 ? 'Accept the change above first.' : `Accept the ${formatCount(items)} changes above first.`;

/** Returns the title of the migration sheet: what a migration is doing, or how it ended. */
export function formatMigrationTitle({ to, from, state }: Pick<Migration, 'to' | 'from' | 'state'>): string {
  if (state === 'running') return to.kind === 'veth' ? 'Falling back to veth' : 'Promoting to netkit';
  if (state === 'done') return `On ${to.kind}`;
  return state === 'undone' ? `Stayed on ${from.kind}` : 'Migration failed';
}

/** Returns the label of the button that migrates a pod back to its previous device kind. */
export const formatUndoMigrationLabel = (from: DeviceKind): string =>
  from === 'veth' ? 'Undo: fall back to veth' : 'Undo: promote to netkit';

/** Returns why a pod cannot be migrated, as far as that is known without a plan; null if it can. */
export function findMigrationDisabledReason(
  pod: Pod,
  to: DeviceKind,
  node: NodeInfo | undefined,
): string | null {
  if (pod.state === 'gone') return 'The pod is gone.';
  if (pod.state === 'migrating') return 'A migration of this pod is running.';
  if (pod.device === null) return 'The pod’s device is gone.';
  const netkit = node?.capabilities.find(({ name }) => name === 'netkit');
  if (to === 'netkit' && netkit?.available === false)
    return `No netkit on this node: ${sentence(netkit.detail)}${netkit.hint === null ? '' : ` ${capitalize(sentence(netkit.hint))}`}`;
  return null;
}

/** Adds a period to a text unless it already ends with a punctuation mark. */
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Returns the index of the last migration step that can be rolled back; later steps have no undo. */
export const findLastUndoableStepIndex = (steps: readonly { undoable: boolean }[]): number =>
  steps.findLastIndex(({ undoable }) => undoable);

/** Splits the note of a preflight check into lines at its semicolons. */
export const splitPreflightCheckNote = (detail: string): string[] =>
  detail
    .split(/;\s+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Formats the outcome of a migration in a few words. */
export function formatMigrationOutcome({ state, result, error, steps }: Migration): string {
  if (state === 'running') return 'running';
  if (state !== 'done')
    return `${state} at ${error?.step ?? steps.findLast((step) => step.state !== 'pending')?.step ?? 'planned'}`;
  if (result === null) return 'done';
  const { requestsOk, requestsFailed, deviceDrops } = result;
  if (requestsFailed !== null && requestsOk !== null)
    return `${formatCount(requestsFailed)} of ${formatCount(requestsOk + requestsFailed)} requests failed`;
  const kernel = formatKernelDrops(result);
  return `${formatCount(deviceDrops)} device drops${kernel === null ? '' : `, ${kernel}`}`;
}

/** Formats the packets that the kernel dropped during a migration, by reason; null if there are none. */
export function formatKernelDrops({ kernelDrops }: Pick<MigrationResult, 'kernelDrops'>): string | null {
  // Without a reason it drops its own group reports of a device that comes or goes.
  const found = (kernelDrops ?? []).filter(({ reason }) => reason !== 'NOT_SPECIFIED');
  if (found.length === 0) return null;
  const sum = found.reduce((total, { packets }) => total + packets, 0);
  const reasons = found.map(({ reason, packets }) => `${reason} ${formatCount(packets)}`).join(', ');
  return `${formatCount(sum)} kernel drops (${reasons})`;
}
