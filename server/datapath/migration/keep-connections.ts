import type { MigrationItem } from '../../../contract/migration.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import type { ConntrackTuple } from '../../netlink/conntrack-tuple.ts';
import { describeAddress } from '../network-state/describe-object.ts';
import type { DeviceEndName, DeviceState } from '../network-state/end-state.ts';
import { withConnectionGuard } from './connection-guard.ts';
import type { ConnectionTuple } from './guard-table.ts';
import { listMasqueradedConnections, type MasqueradedConnections } from './masqueraded-connections.ts';
import { item } from './plan-items.ts';
import { listGuardedTuples, recreateMasqueradedConnections } from './recreate-connections.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Connections of one end, the largest number that is re-created. */
const maxConnections = 8_192;

/**
 * Moves routes while the connections that the kernel masquerades live on: it would end them once their packets leave
 * by another device. Their entries are made anew without the device directly before `move`; meanwhile their packets
 * are dropped, which the senders repeat.
 */
export async function moveKeepingConnections(
  { namespace, expected }: Pick<MigrationStepContext, 'namespace' | 'expected'>,
  end: DeviceEndName,
  move: () => Promise<void>,
): Promise<void> {
  using host = openCurrentNamespace();
  const namespaceFd = end === 'pod' ? namespace.fd : host.fd;
  const addresses = expected.pod.addresses.map(describeAddress);
  const { translated, untranslated } = await listConnections(namespaceFd, addresses, end);
  if (translated.length === 0 && untranslated.length === 0) {
    await move();
    return;
  }
  const tuples = listGuardedTuples(translated).map(toGuardTuple);
  await withConnectionGuard(namespaceFd, tuples, async () => {
    await recreateMasqueradedConnections(namespaceFd, addresses, end, { limit: maxConnections });
    await move();
  });
}

/** Lists the connections that a migration would end in spite of that, as items of the plan. */
export async function listConnectionItems(
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
        item(
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
        item(
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
