import { ProblemError } from '../../../contract/problem.ts';
import { listPodGateways, stripPrefixLength } from '../device/next-hops.ts';
import { buildAddressFlagRequests } from '../network-state/carry-addresses.ts';
import { compareStates, type SettingDifference } from '../network-state/compare-states.ts';
import { describeAddress } from '../network-state/describe-object.ts';
import type { DeviceEndName, EndState } from '../network-state/end-state.ts';
import { followChanges } from '../network-state/follow-changes.ts';
import { hasLinkLayerAddresses, lateSysctls, type SettingKind } from '../network-state/list-settings.ts';
import { carryLateSettings, sendAll } from '../network-state/prepare-end.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Makes on the new device what others changed on the old one since it was read, and remembers that.
 * @param moment `last` also sets what has to wait until traffic has moved
 */
export async function followDevice(
  context: MigrationStepContext,
  moment: 'early' | 'last' = 'early',
): Promise<void> {
  for (const name of deviceEndNames) {
    const fresh = getDeviceEnd(context, 'new', name);
    const before = context.expected[name];
    const { old, present } = await followChanges(before, getDeviceEnd(context, 'old', name), fresh);
    context.expected[name] = old;
    if (moment === 'last') await carryLateSettings(old, fresh, present);
  }
}

/** Sets the flags of the new device's IPv6 addresses as they were on the old one, which has to be gone. */
export async function settleAddresses(context: MigrationStepContext): Promise<void> {
  for (const name of deviceEndNames) {
    const { socket, ifindex } = getDeviceEnd(context, 'new', name);
    await sendAll(socket, buildAddressFlagRequests(context.expected[name].addresses, ifindex));
  }
}

/**
 * Compares the new device with the old one before anybody uses it, all but routes and names: what differs now was not
 * carried over.
 * @returns a phrase for each difference that the plan did not name
 */
export const compareUnused = (context: MigrationStepContext): Promise<string[]> =>
  compareEnds(
    context,
    (name) => context.expected[name],
    ({ kind, key }) => {
      if (kind === 'route' || kind === 'next hop') return true;
      if (kind === 'sysctl') return lateSysctls.has(key.slice(key.lastIndexOf('/') + 1));
      return kind === 'link setting' && key.startsWith('altname ');
    },
  );

/** Kinds of settings that others may change on the new device without an event; `compareUnused` has compared them. */
const comparedBefore: ReadonlySet<SettingKind> = new Set(['sysctl', 'offload', 'queue setting']);

/**
 * Compares the new device with the old one while others use it. What they changed themselves is no difference.
 * @returns a phrase for each difference that the plan did not name
 */
export const compareUsed = (context: MigrationStepContext): Promise<string[]> =>
  compareEnds(
    context,
    (name) => withMovedRoutes(context, name),
    (difference, name) =>
      comparedBefore.has(difference.kind) || context.foreign?.[name].explains(difference) === true,
  );

async function compareEnds(
  context: MigrationStepContext,
  expected: (name: DeviceEndName) => EndState,
  isExpected: (difference: SettingDifference, name: DeviceEndName) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of deviceEndNames) {
    const now = await readEndState(getDeviceEnd(context, 'new', name));
    for (const difference of compareStates(expected(name), now))
      if (!isExpected(difference, name) && !isNamed(context, name, difference, now))
        found.push(`${name}: ${formatDifference(difference)}`);
  }
  return found;
}

/** Throws if the comparison of both devices found something. @throws ProblemError `migration_failed` */
export function throwIfDifferent({ to }: MigrationStepContext, differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new ProblemError(
    'migration_failed',
    `compare ${to.primaryName} with the device it replaces: ${differences.join('; ')}`,
    { hint: 'The pod stays on its old device. Accept the loss in the plan, or remove the setting.' },
  );
}

/** Routes have left the old interface by the time it is read last: those that were moved are expected on the new one. */
function withMovedRoutes({ expected, moved, recorded }: MigrationStepContext, name: DeviceEndName): EndState {
  const { nextHops, nextHopRoutes } = recorded.state[name];
  return { ...expected[name], routes: moved[name], nextHops, nextHopRoutes };
}

function isNamed(
  { recorded, expected, pod, from, to }: MigrationStepContext,
  end: DeviceEndName,
  difference: SettingDifference,
  now: EndState,
): boolean {
  if (end === 'host' && difference.kind === 'filter' && isProgramsFilter(difference))
    return from.hooks !== to.hooks;
  // A kernel that cannot rename an interface that is up gets the names that stay as alternative ones.
  if (difference.kind === 'link setting' && difference.key === `altname ${recorded.names[end]}`) return true;
  // Podlane's own entries, which a device without link-layer addresses has none of.
  if (
    difference.kind === 'neighbour' &&
    isOwnNeighbor(difference, [
      ...expected.pod.addresses.map(describeAddress),
      ...pod.network.addresses,
      ...listPodGateways(pod.network),
    ])
  )
    return true;
  if (difference.kind === 'neighbour' && !hasLinkLayerAddresses(now) && difference.after === null)
    return true;
  return recorded.accepted.some(
    ({ kind, key }) => kind === `${end} ${difference.kind}` && (key === null || key === difference.key),
  );
}

/** BPF filters of the host's end become programs on other hooks, where the new device's hooks are of another family. */
const isProgramsFilter = ({ before, after }: SettingDifference): boolean =>
  (before ?? after ?? '').startsWith('bpf ');

function isOwnNeighbor({ before, after }: SettingDifference, addresses: readonly string[]): boolean {
  const own = addresses.map(stripPrefixLength);
  const text = before ?? after ?? '';
  return own.some((address) => text.startsWith(`${address} `));
}

const formatDifference = ({ kind, before, after }: SettingDifference): string =>
  before === null
    ? `${kind} ${after} is new`
    : after === null
      ? `${kind} ${before} is missing`
      : `${kind} ${before} became ${after}`;
