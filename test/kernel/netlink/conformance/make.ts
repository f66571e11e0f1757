import { buildAddressRequest } from '../../../../server/netlink/address.ts';
import { buildAlternativeNamesRequest, buildLinkChangeRequest } from '../../../../server/netlink/link.ts';
import { buildNeighborRequest, type NewNeighbor } from '../../../../server/netlink/neighbor.ts';
import { buildAddNetkitRequest } from '../../../../server/netlink/netkit.ts';
import type { NewNextHop } from '../../../../server/netlink/next-hop.ts';
import { buildRouteRequest } from '../../../../server/netlink/route.ts';
import type { NewRoute } from '../../../../server/netlink/route-message.ts';
import { routeScopeNumber } from '../../../../server/netlink/route-scope.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../../../server/netlink/socket.ts';
import { buildAddVethRequest } from '../../../../server/netlink/veth.ts';
import type { TestNamespace } from '../namespaces.ts';
import { type Device, type End, endsOf, type Place, type World } from './generate.ts';

export type Namespaces = Record<Place, TestNamespace>;

/** Makes the world by our codec. @throws Error with the kernel's refusals */
export async function makeByCodec(world: World, namespaces: Namespaces): Promise<void> {
  const { host, pod } = namespaces;
  const ends = endsOf(world);
  await all(
    host.socket,
    world.map((device) => linkRequest(device, pod.fd)),
  );
  for (const place of ['host', 'pod'] as const)
    await all(namespaces[place].socket, ends.filter((end) => end.place === place).flatMap(settings));
  for (const place of ['host', 'pod'] as const)
    await all(namespaces[place].socket, ends.filter((end) => end.place === place).flatMap(standings));
}

async function all(socket: NetlinkSocket, requests: NetlinkRequest[]): Promise<void> {
  const refused = (await socket.batch(requests)).flatMap((refusal) => refusal?.message ?? []);
  if (refused.length > 0) throw new Error(`refused to us: ${refused.join('; ')}`);
}

function linkRequest({ kind, netkit, primary, peer }: Device, podFd: number): NetlinkRequest {
  const end = ({ name, ifindex, mtu, mac }: End) => ({ name, ifindex, mtu, ...(mac && { mac }) });
  const ends = {
    primary: end(primary),
    peer: { ...end(peer), ...(peer.place === 'pod' ? { netnsFd: podFd } : {}) },
  };
  return kind === 'veth' || !netkit
    ? buildAddVethRequest(ends)
    : buildAddNetkitRequest({ ...netkit, ...ends });
}

const settings = ({ ifindex, up, group, alias, alternativeNames }: End): NetlinkRequest[] => [
  buildLinkChangeRequest(ifindex, {
    group,
    ...(up ? { up } : {}),
    ...(alias === undefined ? {} : { alias }),
  }),
  ...(alternativeNames.length > 0 ? [buildAlternativeNamesRequest('add', ifindex, alternativeNames)] : []),
];

const standings = ({ ifindex, addresses, routes, neighbors }: End): NetlinkRequest[] => [
  ...addresses.map(({ address, options }) => buildAddressRequest('add', ifindex, address, options)),
  ...routes.map((route) => buildRouteRequest('add', route)),
  ...neighbors.map(buildNeighborRequest),
];

/** Makes the world by `ip -batch`. @throws Error with what it printed */
export function makeByIp(world: World, namespaces: Namespaces): void {
  for (const [place, lines] of linesOf(world, namespaces.pod.name))
    if (lines.length > 0) namespaces[place].batch(lines);
}

/**
 * The lines for `ip -batch` that make the world, by the process that takes them. One makes one netkit device only:
 * iproute2 6.15 remembers the mode and the peer of the line before, and calls the next one's a duplicate.
 */
export function linesOf(world: World, podName: string): [Place, string[]][] {
  const ends = endsOf(world);
  const names = new Map(ends.map(({ ifindex, name }) => [ifindex, name]));
  const lines = (place: Place, of: (end: End) => string[]): string[] =>
    ends.filter((end) => end.place === place).flatMap(of);
  const standing = ({ name, addresses, routes, neighbors }: End): string[] => [
    ...addresses.map((address) => addressLine(address, name)),
    ...routes.map((route) => routeLine(route, names)),
    ...neighbors.map((neighbor) => neighborLine(neighbor, name)),
  ];
  const added = (kind: Device['kind']): string[] =>
    world.filter((device) => device.kind === kind).map((device) => linkLine(device, podName));
  return [
    ...added('netkit').map((line): [Place, string[]] => ['host', [line]]),
    ['host', [...added('veth'), ...lines('host', settingLines)]],
    ['pod', [...lines('pod', settingLines), ...lines('pod', standing)]],
    ['host', lines('host', standing)],
  ];
}

const settingLines = ({ name, up, group, alias, alternativeNames }: End): string[] => [
  `link set dev ${name} group ${group}${up ? ' up' : ''}${alias === undefined ? '' : ` alias "${alias}"`}`,
  ...alternativeNames.map((each) => `link property add dev ${name} altname ${each}`),
];

function neighborLine(neighbor: NewNeighbor, name: string): string {
  const { address, mac, state, proxy, router, externallyLearned, protocol = 0 } = neighbor;
  const flags = `${router ? ' router' : ''}${externallyLearned ? ' extern_learn' : ''} protocol ${protocol}`;
  return proxy
    ? `neigh add proxy ${address} dev ${name}${flags}`
    : `neigh add ${address} lladdr ${mac} dev ${name} nud ${state}${flags}`;
}

function linkLine({ kind, netkit, primary, peer }: Device, podName: string): string {
  const end = ({ name, ifindex, mtu, mac }: End) =>
    `name ${name} index ${ifindex} mtu ${mtu}${mac === undefined ? '' : ` address ${mac}`}`;
  const settings = (side: 'primary' | 'peer') => {
    const [policy, scrub] = [netkit?.policy?.[side], netkit?.scrub?.[side]];
    return `${policy === undefined ? '' : ` ${policy}`}${scrub === undefined ? '' : ` scrub ${scrub}`}`;
  };
  return [
    `link add ${end(primary)} type ${kind}`,
    ...(netkit ? [`mode ${netkit.mode}${settings('primary')}`] : []),
    `peer${settings('peer')} ${end(peer)}`,
    ...(peer.place === 'pod' ? [`netns ${podName}`] : []),
  ].join(' ');
}

function addressLine({ address, options }: End['addresses'][number], name: string): string {
  const [local, length] = address.split('/');
  const { peer, broadcast, scope, label, metric, validSeconds, preferredSeconds } = options;
  return [
    `address add ${peer === undefined ? address : `${local} peer ${peer}/${length}`} dev ${name}`,
    ...(broadcast === undefined ? [] : [`broadcast ${broadcast}`]),
    ...(scope === undefined ? [] : [`scope ${routeScopeNumber(scope)}`]),
    ...(label === undefined ? [] : [`label ${label}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(validSeconds === undefined ? [] : [`valid_lft ${validSeconds}`]),
    ...(preferredSeconds === undefined ? [] : [`preferred_lft ${preferredSeconds}`]),
    ...(local!.includes(':') && !options.duplicateDetection ? ['nodad'] : []),
    ...(options.prefixRoute === false ? ['noprefixroute'] : []),
    ...(options.flags === undefined ? [] : ['home']),
  ].join(' ');
}

function routeLine(route: NewRoute, names: Map<number, string>): string {
  const { type = 'unicast', metrics: { values = {}, locked = [], congestionControl = null } = {} } = route;
  const hop = ({ gateway, ifindex, onlink }: NewNextHop) =>
    [
      gateway === undefined
        ? ''
        : ` via ${route.family === 'ipv4' && gateway.includes(':') ? 'inet6 ' : ''}${gateway}`,
      ifindex === undefined ? '' : ` dev ${names.get(ifindex)}`,
      onlink ? ' onlink' : '',
    ].join('');
  const everything = route.family === 'ipv6' ? '::/0' : '0.0.0.0/0';
  return [
    `route add ${type} ${route.destination === 'default' ? everything : route.destination}${hop(route)}`,
    ...(route.typeOfService === undefined ? [] : [`tos 0x${route.typeOfService.toString(16)}`]),
    ...(route.table === undefined ? [] : [`table ${route.table}`]),
    ...(route.protocol === undefined ? [] : [`proto ${route.protocol}`]),
    ...(route.scope === undefined ? [] : [`scope ${routeScopeNumber(route.scope)}`]),
    ...(route.preferredSource === undefined ? [] : [`src ${route.preferredSource}`]),
    ...(route.metric === undefined ? [] : [`metric ${route.metric}`]),
    ...Object.entries(values).map(
      ([name, value]) =>
        `${name} ${locked.includes(name as never) && name !== 'rto_min' ? 'lock ' : ''}${value}${name === 'rto_min' ? 'ms' : ''}`,
    ),
    ...(congestionControl === null ? [] : [`congctl ${congestionControl}`]),
    ...(route.preference === undefined ? [] : [`pref ${route.preference}`]),
    ...(route.nextHops ?? []).map((each) => `nexthop${hop(each)} weight ${each.weight}`),
  ].join(' ');
}
