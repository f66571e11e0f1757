import type { DeviceKind } from '../../../../contract/device.ts';
import { lastUndoable, type Migration } from '../../../../contract/migration.ts';
import type { Node } from '../../../../contract/node.ts';
import type { Pod } from '../../../../contract/pod.ts';

/** Name of the action that moves a pod to a kind. */
export const migrationLabel = (to: DeviceKind): string =>
  to === 'veth' ? 'Fall back to veth' : 'Promote to netkit';

/** Title of the sheet, by what the migration does now. */
export function migrationTitle({ to, from, state }: Pick<Migration, 'to' | 'from' | 'state'>): string {
  if (state === 'running') return to.kind === 'veth' ? 'Falling back to veth' : 'Promoting to netkit';
  if (state === 'done') return `On ${to.kind}`;
  return state === 'undone' ? `Stayed on ${from.kind}` : 'Migration failed';
}

/** What takes a migration back: another one, the other way. */
export const undoLabel = (from: DeviceKind): string =>
  from === 'veth' ? 'Undo: fall back to veth' : 'Undo: promote to netkit';

/** Why a pod cannot be moved to a kind, as far as it is known without asking for the plan; null when it may. */
export function migrationDisabledReason(pod: Pod, to: DeviceKind, node: Node | undefined): string | null {
  if (pod.state === 'gone') return 'The pod is gone.';
  if (pod.state === 'migrating') return 'A migration of this pod is running.';
  if (pod.device === null) return 'The pod’s device is gone: there is nothing to move from.';
  const netkit = node?.capabilities.find(({ name }) => name === 'netkit');
  if (to === 'netkit' && netkit?.available === false)
    return `No netkit on this node: ${sentence(netkit.detail)}${netkit.hint === null ? '' : ` ${sentence(netkit.hint)}`}`;
  return null;
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** The line between the steps that can be undone and the rest. */
export const noReturn = 'up to here every step can be undone; from here it only goes forward';
export const isLastUndoable = (step: string): boolean => step === lastUndoable;

/** What a note names, a line each: sockets, groups and programs are separated by semicolons. */
export const splitNote = (detail: string): string[] =>
  detail
    .split(/;\s+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** What a migration of this pod came to, in half a sentence. */
export function migrationOutcome({ state, result, error, steps }: Migration): string {
  if (state === 'running') return 'running';
  if (state !== 'done')
    return `${state} at ${error?.step ?? steps.findLast((step) => step.state !== 'pending')?.step ?? 'planned'}`;
  if (result === null) return 'done';
  const { requestsOk, requestsFailed, deviceDrops } = result;
  if (requestsFailed !== null && requestsOk !== null)
    return `${requestsFailed.toLocaleString('en-US')} of ${(requestsOk + requestsFailed).toLocaleString('en-US')} requests failed`;
  return `${deviceDrops.toLocaleString('en-US')} dropped on the devices`;
}
