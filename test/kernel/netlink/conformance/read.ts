import { execFileSync } from 'node:child_process';
import { interfaceAddressFlags, listAddresses } from '../../../../server/netlink/address.ts';
import { listLinks } from '../../../../server/netlink/link.ts';
import { listNeighbors } from '../../../../server/netlink/neighbor.ts';
import { listRoutes } from '../../../../server/netlink/route.ts';
import { routeScopeNumber } from '../../../../server/netlink/route-scope.ts';
import type { TestNamespace } from '../namespaces.ts';

/** An object as both tell it: fields by name, those without a value left out. */
export type Told = { object: 'link' | 'address' | 'route' | 'neighbor' } & Record<string, unknown>;

/** What our codec reads of a namespace. */
export async function readByCodec({ socket }: TestNamespace): Promise<Told[]> {
  const found = [
    ...(await listLinks(socket)).map(({ flags, stats, ...link }) => ({ object: 'link' as const, ...link })),
    ...(await listAddresses(socket)).map(({ flags, ...address }) => ({
      object: 'address' as const,
      ...address,
      validSeconds: thousands(address.validSeconds),
      preferredSeconds: thousands(address.preferredSeconds),
      flags: Object.entries(interfaceAddressFlags)
        .filter(([name, bit]) => flags & bit && name !== 'permanent')
        .map(([name]) => name)
        .sort(),
      permanent: (flags & interfaceAddressFlags.permanent) !== 0,
    })),
    ...(await listRoutes(socket, { table: 'all' })).map((route) => ({ object: 'route' as const, ...route })),
    ...[...(await listNeighbors(socket)), ...(await listNeighbors(socket, { proxy: true }))].map(
      (neighbor) => ({
        object: 'neighbor' as const,
        ...neighbor,
      }),
    ),
  ];
  return found.map(valued).filter(comparable);
}

/** Rounded, since seconds pass between two readings. */
const thousands = (seconds: number | null): number | null => seconds && Math.floor(seconds / 1000);

// biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 prints
type Printed = any;

/** What `ip -json -details -Numeric` tells of a namespace, in our words. */
export function readByIp({ name }: TestNamespace): Told[] {
  const commands = ['address show', 'route show table all', 'neigh show nud all', 'neigh show proxy'];
  const output = execFileSync('ip', ['-n', name, '-j', '-d', '-N', '-batch', '-'], {
    input: `${commands.join('\n')}\n`,
    encoding: 'utf8',
  });
  // An array for each command; one without objects may print none.
  const printed: Printed[] = output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => JSON.parse(line));
  const interfaces = printed.filter((each) => each.ifname !== undefined && each.mtu !== undefined);
  const index = new Map<string, number>(interfaces.map((each) => [each.ifname, each.ifindex]));
  return printed
    .flatMap((each): object[] => {
      if (each.addr_info) return [linkOf(each, index), ...addressesOf(each)];
      return [each.table === undefined ? neighborOf(each, index) : routeOf(each, index)];
    })
    .map(valued)
    .filter(comparable);
}

const linkOf = (link: Printed, index: Map<string, number>) => ({
  object: 'link',
  ifindex: link.ifindex,
  name: link.ifname,
  kind: link.linkinfo?.info_kind,
  netkit: link.linkinfo?.info_kind === 'netkit' ? netkitOf(link.linkinfo.info_data) : undefined,
  up: link.flags.includes('UP'),
  running: link.flags.includes('UP') && link.flags.includes('LOWER_UP'),
  operationalState: link.operstate.toLowerCase(),
  queueingDiscipline: link.qdisc,
  mtu: link.mtu,
  mac: link.address === '00:00:00:00:00:00' ? undefined : link.address,
  alias: link.ifalias,
  alternativeNames: link.altnames ?? [],
  group: Number(link.group),
  peerIfindex: link.link === undefined ? link.link_index : index.get(link.link),
  peerNamespaceId: link.link_netnsid,
});

const netkitOf = (data: Printed) => ({
  primary: data.type === 'primary',
  mode: data.mode,
  policy: data.policy,
  peerPolicy: data.peer_policy,
  scrub: data.scrub,
  peerScrub: data.peer_scrub,
});

/** iproute2's names of flags that are not ours. */
const flagNames: Record<string, string> = {
  secondary: 'temporary',
  temporary: 'temporary',
  nodad: 'noDad',
  optimistic: 'optimistic',
  dadfailed: 'dadFailed',
  home: 'home',
  deprecated: 'deprecated',
  tentative: 'tentative',
  mngtmpaddr: 'manageTemporary',
  noprefixroute: 'noPrefixRoute',
  autojoin: 'multicastAutojoin',
  'stable-privacy': 'stablePrivacy',
};

const addressesOf = (link: Printed) =>
  link.addr_info.map((address: Printed) => ({
    object: 'address',
    family: address.family === 'inet' ? 'ipv4' : 'ipv6',
    ifindex: link.ifindex,
    address: `${address.local}/${address.prefixlen}`,
    peer: address.address,
    broadcast: address.broadcast,
    scope: Number(address.scope),
    label: address.label,
    metric: address.metric,
    validSeconds: lifetime(address.valid_life_time),
    preferredSeconds: lifetime(address.preferred_life_time),
    flags: Object.keys(flagNames)
      .filter((name) => address[name] === true)
      .map((name) => flagNames[name])
      .sort(),
    permanent: address.dynamic !== true,
    tentative: address.tentative === true,
  }));

const lifetime = (seconds: number): number | undefined =>
  seconds === 0xffff_ffff ? undefined : Math.floor(seconds / 1000);

const routeTypes = [
  'unspec',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];

function routeOf(route: Printed, index: Map<string, number>) {
  const hops: Printed[] = route.nexthops ?? (route.dev === undefined ? [] : [route]);
  const nextHops = hops.map((hop) => ({
    gateway: hop.gateway ?? hop.via?.host ?? null,
    ifindex: index.get(hop.dev) ?? null,
    onlink: hop.flags.includes('onlink'),
    dead: hop.flags.includes('dead'),
    linkdown: hop.flags.includes('linkdown'),
    weight: hop.weight ?? 1,
  }));
  const { congestion, ...values } = Object.assign({}, ...(route.metrics ?? []));
  return {
    object: 'route',
    // Of IPv6 alone it tells the preference.
    family: route.pref === undefined ? 'ipv4' : 'ipv6',
    type: routeTypes[Number(route.type)],
    destination: route.dst,
    table: Number(route.table),
    protocol: Number(route.protocol),
    scope: Number(route.scope),
    typeOfService: Number(route.tos ?? 0),
    preferredSource: route.prefsrc,
    metric: route.metric,
    mtu: values.mtu,
    metrics: { values, congestionControl: congestion ?? null },
    preference: route.pref,
    gateway: nextHops[0]?.gateway,
    ifindex: nextHops[0]?.ifindex,
    nextHops,
  };
}

const neighborOf = (neighbor: Printed, index: Map<string, number>) => ({
  object: 'neighbor',
  family: neighbor.dst.includes(':') ? 'ipv6' : 'ipv4',
  ifindex: index.get(neighbor.dev),
  address: neighbor.dst,
  mac: neighbor.lladdr,
  state: neighbor.state?.[0]?.toLowerCase() ?? 'none',
  router: 'router' in neighbor,
  proxy: 'proxy' in neighbor,
  externallyLearned: 'extern_learn' in neighbor,
  protocol: Number(neighbor.protocol ?? 0),
});

/** Without what has no value; a scope as its number; without the lock of metrics, which ip's JSON leaves out. */
function valued(object: object): Told {
  const told = Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== null && value !== undefined),
  ) as Told;
  if (typeof told.scope === 'string') told.scope = routeScopeNumber(told.scope as 'global');
  if (told.netkit)
    told.netkit = Object.fromEntries(
      Object.entries(told.netkit).filter(([, value]) => value !== null && value !== undefined),
    );
  return told;
}

/** The kernel's own neighbors for multicast come and go when they like. */
const comparable = (told: Told): boolean =>
  told.object !== 'neighbor' || !/^(ff|22[4-9]\.|23\d\.)/.test(String(told.address));
