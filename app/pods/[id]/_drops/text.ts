import type { PodConnectionTable } from '../../../../contract/connection-table.ts';
import { formatCount } from '../../../_lib/format.ts';

/** Interface texts of the section about dropped packets. */
export const dropsText = {
  title: 'Drop reasons',
  verdicts: 'Verdicts',
  gone: 'The pod is gone, and so are its counters.',
  reading: 'Reading the drops',
  countedTwice:
    'Packets that Podlane’s programs drop are also counted by the kernel, under a reason of its own.',

  reason: 'reason',
  by: 'by',
  byDetail: 'Where the packets were dropped',
  meaning: 'meaning',
  packets: 'packets',
  perSecond: '/s',
  perSecondDetail: 'Mean of the last minute, or since the page was opened',
  last: 'last',
  noTime: 'Podlane’s programs do not record the time of a drop',
} as const;

/** Labels of the places where packets are dropped. */
export const dropPlaceLabels = {
  egress: { label: 'ours, out', detail: 'Podlane’s egress program of the pod' },
  ingress: { label: 'ours, in', detail: 'Podlane’s ingress program of the pod' },
  kernel: { label: 'kernel', detail: 'The kernel, at the pod’s device, in its namespace or at its sockets' },
} as const;

export const formatDropsNotReadSince = (time: string): string => `not read since ${time}`;
export const formatNoDropsSince = (time: string, includesKernel: boolean): string =>
  includesKernel ? `No drops since ${time}.` : `No drops by Podlane’s programs since ${time}.`;
export const formatKernelReasonsUnavailable = (detail: string, hint: string | null): string =>
  `Kernel drop reasons are not available: ${detail}${hint === null ? '' : ` (${hint})`}.`;
export const formatUnattributedDrops = (packets: number): string =>
  `${formatCount(packets)} more drops on this node could not be attributed to a pod.`;
export function formatDropsCountedSince(ours: string, kernel: string | null): string {
  if (kernel === null) return `ours since ${ours}`;
  return ours === kernel ? `since ${ours}` : `ours since ${ours}, kernel since ${kernel}`;
}

export const formatConnectionUse = ({ connections, quota, used, capacity }: PodConnectionTable): string =>
  `Access rules track ${formatCount(connections)} ${connections === 1 ? 'connection' : 'connections'} of this pod${quota > 0 ? ` (limit ${formatCount(quota)})` : ''}, ${formatCount(used)} of ${formatCount(capacity)} on the node.`;

/** Says which connections of a pod had no room; null if all had. */
export const formatConnectionsLost = ({
  evicted,
  evictedReplied,
  untracked,
}: PodConnectionTable): string | null =>
  evicted + untracked === 0
    ? null
    : `${formatCount(evicted)} made room for newer ones, ${formatCount(evictedReplied)} of them in use${untracked > 0 ? `; ${formatCount(untracked)} had no room, and their answers are dropped` : ''}.`;
