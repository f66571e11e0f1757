import { ProblemError } from '../../../contract/problem.ts';
import { isOwnEntryKey } from '../network-state/bridge-entries.ts';
import { compareStates, type SettingDifference } from '../network-state/compare-states.ts';
import { type DeviceEndName, type EndState, hasLinkLayerAddresses } from '../network-state/end-state.ts';
import { sysctlsSetAfterTraffic } from '../network-state/list-settings.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import type { SettingKind } from '../network-state/setting.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { listOwnNeighbors } from './own-neighbors.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Compares the new device with the old one before anybody uses it: what differs now was not carried over. Routes, next
 * hops, entries of a bridge, actions that send packets to the device, names and `sysctlsSetAfterTraffic` are left out,
 * which are moved or set later.
 * @returns a phrase for each difference that the plan did not name
 */
export const compareBeforeTraffic = (context: MigrationStepContext): Promise<string[]> =>
  compareEnds(
    context,
    (name) => context.expected[name],
    ({ kind, key }) => {
      if (kind === 'route' || kind === 'next hop' || kind === 'redirecting action') return true;
      if (kind === 'bridge entry') return !isOwnEntryKey(key);
      if (kind === 'sysctl') return sysctlsSetAfterTraffic.has(key.slice(key.lastIndexOf('/') + 1));
      return kind === 'link setting' && (key === 'token' || key.startsWith('altname '));
    },
  );

/**
 * Kinds of settings that others may change on the new device without an event; `compareBeforeTraffic` has compared
 * them.
 */
const comparedBefore: ReadonlySet<SettingKind> = new Set(['sysctl', 'offload', 'queue setting']);

/**
 * Compares the new device with the old one while others use it, all but the kinds of `comparedBefore`. What others
 * changed on the new device (`context.foreign`) is no difference.
 * @returns a phrase for each difference that the plan did not name
 */
export const compareUnderTraffic = (context: MigrationStepContext): Promise<string[]> =>
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

/**
 * Returns the expected state with the routes that were moved: they had left the old interface when it was last read.
 */
function withMovedRoutes({ expected, moved, recorded }: MigrationStepContext, name: DeviceEndName): EndState {
  const { nextHops, nextHopGroups, nextHopRoutes } = recorded.state[name];
  return { ...expected[name], routes: moved[name], nextHops, nextHopGroups, nextHopRoutes };
}

function isNamed(
  { recorded, expected, pod, from, to }: MigrationStepContext,
  end: DeviceEndName,
  difference: SettingDifference,
  now: EndState,
): boolean {
  if (end === 'host' && difference.kind === 'filter' && isProgramsFilter(difference))
    return from.hooks !== to.hooks;
  // A kernel that cannot rename an interface that is up gets the old device's names as alternative ones.
  if (difference.kind === 'link setting' && difference.key === `altname ${recorded.names[end]}`) return true;
  // Podlane's own entries, which a device without link-layer addresses has none of.
  if (difference.kind === 'neighbour' && isOwnNeighbor(difference, listOwnNeighbors(pod, expected.pod)))
    return true;
  if (difference.kind === 'neighbour' && !hasLinkLayerAddresses(now) && difference.present === null)
    return true;
  return recorded.accepted.some(
    ({ kind, key }) => kind === `${end} ${difference.kind}` && (key === null || key === difference.key),
  );
}

/** BPF filters of the host's end become programs on other hooks, where the new device's hooks are of another family. */
const isProgramsFilter = ({ old, present }: SettingDifference): boolean =>
  (old ?? present ?? '').startsWith('bpf ');

function isOwnNeighbor({ old, present }: SettingDifference, own: readonly string[]): boolean {
  const text = old ?? present ?? '';
  return own.some((address) => text.startsWith(`${address} `));
}

const formatDifference = ({ kind, old, present }: SettingDifference): string =>
  old === null
    ? `${kind} ${present} is new`
    : present === null
      ? `${kind} ${old} is missing`
      : `${kind} ${old} became ${present}`;
