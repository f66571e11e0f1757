import type { MigrationItem } from '../../../contract/migration.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import type { ConntrackTuple } from '../../netlink/conntrack-tuple.ts';
import { ifla } from '../../netlink/link-attributes.ts';
import { getRawU32 } from '../../netlink/raw-object.ts';
import { describeAddress } from '../network-state/describe-object.ts';
import type { DeviceEndName, DeviceState, EndState } from '../network-state/end-state.ts';
import { withConnectionGuard } from './connection-guard.ts';
import type { ConnectionTuple } from './connection-guard-table.ts';
import { listMasqueradedConnections, type MasqueradedConnections } from './list-masqueraded-connections.ts';
import { createMigrationItem } from './plan-items.ts';
import {
  type RunWithConnectionGuard,
  recreateMasqueradedConnections,
} from './recreate-masqueraded-connections.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Maximum number of masqueraded connections that are re-created in each of the namespaces of pod and host. A guard
 * takes 16,384 tuples, two for each connection.
 */
const maxConnections = 8_192;

/**
 * Calls `move`, which moves the routes of an end, such that masqueraded connections survive: the kernel would end them
 * once their packets leave by another device. Directly before, their conntrack entries are made anew without the
 * device; meanwhile their packets are held back, by `withConnectionGuard`.
 */
export async function moveKeepingMasqueradedConnections(
  { namespace, expected }: Pick<MigrationStepContext, 'namespace' | 'expected'>,
  end: DeviceEndName,
  move: () => Promise<void>,
): Promise<void> {
  // The host sends to a port of a bridge by the bridge, whose index stays.
  if (isPort(expected[end])) return move();
  using host = openCurrentNamespace();
  await recreateMasqueradedConnections(
    end === 'pod' ? namespace.fd : host.fd,
    expected.pod.addresses.map(describeAddress),
    end,
    { limit: maxConnections, withGuard: guardConnections, move },
  );
}

const isPort = ({ link }: EndState): boolean => (getRawU32(link, ifla.master) ?? 0) !== 0;

/** Holds packets back with `withConnectionGuard`, whose tuples are without zones and ids of ICMP. */
export const guardConnections: RunWithConnectionGuard = async (namespaceFd, listTuples, work) => {
  await withConnectionGuard(namespaceFd, async () => (await listTuples()).map(toGuardTuple), work);
};

/**
 * Lists the masqueraded connections that `moveKeepingMasqueradedConnections` cannot keep, as items of the plan: those beyond the
 * limit, and all on a kernel that does not list them.
 */
export async function listMasqueradedConnectionItems(
  state: DeviceState,
  podNamespaceFd: number,
): Promise<MigrationItem[]> {
  using host = openCurrentNamespace();
  const addresses = state.pod.addresses.map(describeAddress);
  const items: MigrationItem[] = [];
  for (const end of ['pod', 'host'] as const) {
    const found = await listConnections(end === 'pod' ? podNamespaceFd : host.fd, addresses, end);
    if (found.remaining > 0)
      items.push(
        createMigrationItem(
          end,
          'masqueraded connection',
          null,
          `${found.remaining} masqueraded connections beyond ${maxConnections}`,
          'lost',
          'the kernel ends them when the route moves',
        ),
      );
    if (found.unreadable !== null)
      items.push(
        createMigrationItem(
          end,
          'masqueraded connection',
          'unreadable',
          'masqueraded connections of the pod',
          'lost',
          `this kernel does not list its connections (${found.unreadable}); it ends those that it masquerades when the route moves`,
        ),
      );
  }
  return items;
}

const listConnections = (
  namespaceFd: number,
  addresses: readonly string[],
  end: DeviceEndName,
): Promise<MasqueradedConnections> => listMasqueradedConnections(namespaceFd, addresses, end, maxConnections);

const toGuardTuple = ({ family, protocol, source, destination, ports }: ConntrackTuple): ConnectionTuple => ({
  family,
  protocol,
  source,
  destination,
  sourcePort: ports?.source ?? 0,
  destinationPort: ports?.destination ?? 0,
});
