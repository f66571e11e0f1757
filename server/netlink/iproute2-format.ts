import { detectIpFamily, type IpFamily } from './ip-address.ts';
import type { KernelNeighbor } from './neighbor.ts';
import type { NextHop } from './next-hop.ts';
import { type KernelRoute, routeProtocols, routeTables } from './route-message.ts';
import { type RouteMetrics, routeMetricNames } from './route-metrics.ts';

type DeviceName = (ifindex: number) => string | undefined;

/** Names of the routing protocols RTPROT_*, as in iproute2's rt_protos file. */
const protocols: Record<number, string> = {
  1: 'redirect',
  2: 'kernel',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  18: 'keepalived',
  42: 'babel',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
};

/** Formats a route like `ip route`, such as `default via 169.254.1.1 dev eth0 onlink`. */
export function formatRoute(route: KernelRoute, deviceName: DeviceName): string {
  const [first = null, ...others] = route.nextHops;
  const only = others.length === 0 ? first : null;
  return [
    ...(route.type === 'unicast' ? [] : [route.type]),
    route.destination,
    ...(only ? hopText(only, route.family, deviceName) : []),
    ...(route.table === routeTables.main
      ? []
      : [`table ${route.table === routeTables.local ? 'local' : route.table}`]),
    ...(route.protocol === routeProtocols.boot
      ? []
      : [`proto ${protocols[route.protocol] ?? route.protocol}`]),
    ...(route.scope === 'global' ? [] : [`scope ${route.scope}`]),
    ...(route.preferredSource ? [`src ${route.preferredSource}`] : []),
    ...(route.metric === null ? [] : [`metric ${route.metric}`]),
    ...(only ? hopFlags(only) : []),
    ...metricsText(route.metrics),
    ...(only ? [] : route.nextHops.map((hop) => multipathText(hop, route.family, deviceName))),
    ...(route.preference === null ? [] : [`pref ${route.preference}`]),
  ].join(' ');
}

/** Formats a neighbor entry like `ip neigh`, such as `10.42.0.33 dev pl64 lladdr 02:50:4c:10:00:41 PERMANENT`. */
export const formatNeighbor = (neighbor: KernelNeighbor, deviceName: DeviceName): string =>
  [
    neighbor.address,
    `dev ${nameOf(neighbor.ifindex, deviceName)}`,
    ...(neighbor.mac === null ? [] : [`lladdr ${neighbor.mac}`]),
    ...(neighbor.router ? ['router'] : []),
    ...(neighbor.proxy ? ['proxy'] : []),
    ...(neighbor.externallyLearned ? ['extern_learn'] : []),
    ...(neighbor.state === 'none' ? [] : [neighbor.state.toUpperCase()]),
  ].join(' ');

const metricsText = ({ values, locked, congestionControl }: RouteMetrics): string[] => [
  ...routeMetricNames.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`${name} ${locked.includes(name) ? 'lock ' : ''}${value}`];
  }),
  ...(congestionControl === null ? [] : [`congctl ${congestionControl}`]),
];

const hopText = (hop: NextHop, family: IpFamily, deviceName: DeviceName): string[] => [
  ...(hop.gateway === null
    ? []
    : [`via ${detectIpFamily(hop.gateway) === family ? '' : 'inet6 '}${hop.gateway}`]),
  ...(hop.ifindex === null ? [] : [`dev ${nameOf(hop.ifindex, deviceName)}`]),
];

const hopFlags = (hop: NextHop): string[] => [
  ...(hop.dead ? ['dead'] : []),
  ...(hop.onlink ? ['onlink'] : []),
  ...(hop.linkdown ? ['linkdown'] : []),
];

const multipathText = (hop: NextHop, family: IpFamily, deviceName: DeviceName): string =>
  ['nexthop', ...hopText(hop, family, deviceName), `weight ${hop.weight}`, ...hopFlags(hop)].join(' ');

const nameOf = (ifindex: number, deviceName: DeviceName): string => deviceName(ifindex) ?? `if${ifindex}`;
