import { expect, test } from 'vitest';
import { formatNeighbor, formatRoute } from '../../../server/netlink/iproute2-format.ts';
import type { KernelNeighbor } from '../../../server/netlink/neighbor.ts';
import type { NextHop } from '../../../server/netlink/next-hop.ts';
import type { KernelRoute } from '../../../server/netlink/route-message.ts';
import { createEmptyRouteMetrics } from '../../../server/netlink/route-metrics.ts';

const names = (ifindex: number) => ({ 2: 'eth0', 3: 'pl64' })[ifindex];
const hop = (more: Partial<NextHop>): NextHop => ({
  gateway: null,
  ifindex: 2,
  onlink: false,
  dead: false,
  linkdown: false,
  weight: 1,
  ...more,
});
const route = (more: Partial<KernelRoute>): KernelRoute => ({
  family: 'ipv4',
  type: 'unicast',
  destination: 'default',
  table: 254,
  protocol: 3,
  scope: 'global',
  typeOfService: 0,
  preferredSource: null,
  metric: null,
  mtu: null,
  metrics: createEmptyRouteMetrics(),
  preference: null,
  gateway: null,
  ifindex: 2,
  nextHops: [hop({})],
  nextHopId: null,
  ...more,
});

test.each<[string, Partial<KernelRoute>]>([
  ['default via 169.254.1.1 dev eth0 onlink', { nextHops: [hop({ gateway: '169.254.1.1', onlink: true })] }],
  [
    '10.42.0.33 dev pl64 scope link',
    { destination: '10.42.0.33', scope: 'link', nextHops: [hop({ ifindex: 3 })] },
  ],
  [
    '10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.7 metric 100 linkdown',
    {
      destination: '10.0.0.0/24',
      protocol: 2,
      scope: 'link',
      preferredSource: '10.0.0.7',
      metric: 100,
      nextHops: [hop({ linkdown: true })],
    },
  ],
  ['blackhole 10.9.0.0/16', { type: 'blackhole', destination: '10.9.0.0/16', nextHops: [] }],
  [
    '10.9.0.1 via inet6 fe80::1 dev eth0',
    { destination: '10.9.0.1', nextHops: [hop({ gateway: 'fe80::1' })] },
  ],
  [
    'fd00::33 dev pl64 metric 1024 pref medium',
    {
      family: 'ipv6',
      preference: 'medium',
      destination: 'fd00::33',
      metric: 1024,
      nextHops: [hop({ ifindex: 3 })],
    },
  ],
  [
    'default nexthop via 10.0.0.1 dev eth0 weight 1 nexthop via 10.0.0.2 dev pl64 weight 3',
    { nextHops: [hop({ gateway: '10.0.0.1' }), hop({ gateway: '10.0.0.2', ifindex: 3, weight: 3 })] },
  ],
  [
    'local 10.0.0.7 dev eth0 table local proto kernel scope host',
    { type: 'local', destination: '10.0.0.7', table: 255, protocol: 2, scope: 'host' },
  ],
  ['default dev if9', { nextHops: [hop({ ifindex: 9 })] }],
])('%s', (text, more) => {
  expect(formatRoute(route(more), names)).toBe(text);
});

test.each<[string, Partial<KernelNeighbor>]>([
  ['10.42.0.33 dev pl64 lladdr 02:50:4c:10:00:41 PERMANENT', {}],
  ['10.42.0.33 dev pl64 FAILED', { mac: null, state: 'failed' }],
  ['10.42.0.33 dev pl64 lladdr 02:50:4c:10:00:41 router STALE', { router: true, state: 'stale' }],
])('%s', (text, more) => {
  const neighbor: KernelNeighbor = {
    family: 'ipv4',
    ifindex: 3,
    address: '10.42.0.33',
    mac: '02:50:4c:10:00:41',
    state: 'permanent',
    router: false,
    proxy: false,
    externallyLearned: false,
    protocol: 0,
    ...more,
  };
  expect(formatNeighbor(neighbor, names)).toBe(text);
});
