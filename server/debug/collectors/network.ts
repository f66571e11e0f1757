import { requireValue } from '../../../contract/require-value.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { listAddresses } from '../../netlink/address.ts';
import { findFilterQdiscKind } from '../../netlink/clsact.ts';
import { listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listNeighbors } from '../../netlink/neighbor.ts';
import { listRoutes } from '../../netlink/route.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { listTcFilters, type TcHook } from '../../netlink/tc-filter.ts';
import {
  addCommandOutput,
  addJsonFile,
  type DebugDumpContext,
  type DebugDumpTarget,
  describeNamespaceFile,
} from '../dump-context.ts';
import type { ExternalToolName } from '../external-tools.ts';

/** Maximum number of devices per network namespace whose tc filters are collected. */
const maxFiltered = 256;

/** Path and title of each file, and the program with arguments that prints its content. */
const commands: readonly [path: string, title: string, command: [ExternalToolName, ...string[]]][] = [
  ['ip/links.json', 'Links', ['ip', '-j', '-d', 'link', 'show']],
  ['ip/addresses.json', 'Addresses', ['ip', '-j', '-d', 'address', 'show']],
  [
    'ip/routes-ipv4.json',
    'IPv4 routes of all tables',
    ['ip', '-j', '-d', '-4', 'route', 'show', 'table', 'all'],
  ],
  [
    'ip/routes-ipv6.json',
    'IPv6 routes of all tables',
    ['ip', '-j', '-d', '-6', 'route', 'show', 'table', 'all'],
  ],
  ['ip/rules-ipv4.json', 'IPv4 routing rules', ['ip', '-j', '-d', '-4', 'rule', 'show']],
  ['ip/rules-ipv6.json', 'IPv6 routing rules', ['ip', '-j', '-d', '-6', 'rule', 'show']],
  ['ip/neighbors.json', 'Neighbors', ['ip', '-j', '-d', 'neighbour', 'show', 'nud', 'all']],
  ['ip/link-statistics.json', 'Link statistics (IFLA_STATS64)', ['ip', '-j', '-s', '-s', 'link', 'show']],
  ['tc/qdiscs.json', 'Queueing disciplines', ['tc', '-j', '-s', 'qdisc', 'show']],
];

/** Collects the network state of a namespace, with iproute2 and with Podlane's own rtnetlink code. */
export async function collectNetwork(context: DebugDumpContext, target: DebugDumpTarget): Promise<void> {
  for (const [path, title, command] of commands)
    await addCommandOutput(context, target, path, title, command);
  using namespace = target.fd === null ? openCurrentNamespace() : null;
  using socket = NetlinkSocket.inNamespace(target.fd ?? requireValue(namespace, 'network namespace').fd);
  const { files } = context;
  const add = (path: string, title: string, command: string, read: () => unknown) =>
    addJsonFile(files, describeNamespaceFile(target, `ours/${path}`, title, command), read);
  let found: NetworkLink[] = [];
  await add('links.json', 'Links, by Podlane', 'rtnetlink RTM_GETLINK', async () => {
    found = await listLinks(socket, { stats: true });
    return found;
  });
  await add('addresses.json', 'Addresses, by Podlane', 'rtnetlink RTM_GETADDR', () => listAddresses(socket));
  await add('routes.json', 'Routes, by Podlane', 'rtnetlink RTM_GETROUTE', () =>
    listRoutes(socket, { table: 'all' }),
  );
  await add('neighbors.json', 'Neighbors, by Podlane', 'rtnetlink RTM_GETNEIGH', async () => [
    ...(await listNeighbors(socket)),
    ...(await listNeighbors(socket, { proxy: true })),
  ]);
  const filtered = await withQdisc(socket, found);
  await add('filters.json', 'Filters of clsact, by Podlane', 'rtnetlink RTM_GETTFILTER', async () => {
    const collected = [];
    for (const { ifindex, name } of filtered)
      for (const hook of ['tc/ingress', 'tc/egress'] as const)
        collected.push({ ifindex, name, hook, filters: await listTcFilters(socket, ifindex, hook) });
    return collected;
  });
  for (const { name } of filtered.slice(0, maxFiltered))
    for (const hook of ['tc/ingress', 'tc/egress'] as const satisfies TcHook[]) {
      const side = hook.slice('tc/'.length);
      const title = `Filters of ${name}, ${side}`;
      await addCommandOutput(context, target, `tc/filters-${fileName(name)}-${side}.json`, title, [
        'tc',
        '-j',
        '-s',
        'filter',
        'show',
        'dev',
        name,
        side,
      ]);
    }
}

/** Returns the network links that have a clsact or ingress qdisc. */
async function withQdisc(socket: NetlinkSocket, all: readonly NetworkLink[]): Promise<NetworkLink[]> {
  const found: NetworkLink[] = [];
  // A link may have been removed meanwhile.
  for (const link of all)
    if ((await findFilterQdiscKind(socket, link.ifindex).catch(() => null)) !== null) found.push(link);
  return found;
}

/** Replaces the characters of an interface name that are not allowed in file names. */
const fileName = (name: string): string => name.replaceAll(/[^\w.@-]/g, '_');
