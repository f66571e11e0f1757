import {
  bothEnds,
  type DeviceEnd,
  type ElementContext,
  type ElementKind,
  linesOf,
  nextHop,
} from '../element.ts';

const ip = linesOf('ip');
type Attributes = Record<string, (context: ElementContext) => string>;

const metrics: Attributes = {
  mtu: ({ random }) => `mtu ${random.maybe('lock')} ${random.between(1280, 1500)}`,
  advmss: ({ random }) => `advmss ${random.between(500, 1400)}`,
  'first windows': ({ random }) => `initcwnd ${random.between(2, 40)} initrwnd ${random.between(2, 40)}`,
  rto_min: ({ random }) => `rto_min ${random.between(10, 300)}ms`,
  window: ({ random }) => `window ${random.between(10_000, 65_000)}`,
  quickack: () => 'quickack 1',
  'congestion control': ({ random }) => `congctl ${random.maybe('lock')} ${random.one(['reno', 'cubic'])}`,
  'hop limit': ({ random }) => `hoplimit ${random.between(2, 200)}`,
  features: () => 'features ecn',
  reordering: ({ random }) => `reordering ${random.between(4, 30)}`,
};

const both: Attributes = {
  ...metrics,
  metric: ({ random }) => `metric ${random.between(1, 4000)}`,
  protocol: ({ random }) => `proto ${random.one(['static', 'bgp', 'zebra', '77'])}`,
  table: ({ random, unique }) => `table ${1000 + unique()} ${random.maybe('metric 9')}`,
};

const ipv4: Attributes = {
  ...both,
  realms: ({ random }) => `realms ${random.between(1, 200)}/${random.between(1, 200)}`,
  tos: ({ random }) => `tos ${random.one(['0x04', '0x08', '0x10', '0x1c'])}`,
  encapsulation: ({ random }) =>
    `encap ip id ${random.between(1, 999)} dst 192.0.2.77 ttl ${random.between(1, 99)}`,
};

const ipv6: Attributes = {
  ...both,
  preference: ({ random }) => `pref ${random.one(['high', 'low'])}`,
  expiry: ({ random }) => `expires ${random.between(3000, 90_000)}`,
  source: ({ ipv6 }) => `from ${ipv6('0')}/64`,
  encapsulation: ({ random }) => `encap seg6 mode ${random.one(['encap', 'inline'])} segs fd00:5e6::1`,
};

const net4 = ({ network }: ElementContext): string => `${network().ipv4(0)}/30`;
const net6 = ({ network }: ElementContext): string => `${network().ipv6('')}/64`;

const attributed = (end: DeviceEnd): ElementKind[] =>
  [
    { family: 'IPv4', all: ipv4, net: net4, via: nextHop(end).ipv4 },
    { family: 'IPv6', all: ipv6, net: net6, via: nextHop(end).ipv6 },
  ].flatMap(({ family, all, net, via }) =>
    Object.entries(all).map(
      ([name, attributes]): ElementKind => ({
        name: `route: ${family} with ${name}`,
        end,
        phase: 'route',
        commands: (context) => {
          const others =
            name in metrics ? '' : context.random.maybe(context.random.one(Object.values(metrics))(context));
          return ip(`route add ${net(context)} ${attributes(context)} ${via} ${others}`);
        },
      }),
    ),
  );

/** Routes that are more than one request with attributes. */
const others = (end: DeviceEnd): Record<string, (context: ElementContext) => string[]> => {
  const { ipv4: via4, ipv6: via6 } = nextHop(end);
  const pod4 = end === 'pod' ? 'POD4' : '192.0.2.1';
  const pod6 = end === 'pod' ? 'POD6' : 'fd00:192::1';
  return {
    'IPv4 on link': (context) => [
      `route add ${net4(context)} dev DEV scope link ${context.random.maybe('proto static')}`,
    ],
    'IPv6 on link': (context) => [`route add ${net6(context)} dev DEV`],
    'IPv4 with source': (context) => [`route add ${net4(context)} ${via4} src ${pod4}`],
    'IPv6 with source': (context) => [`route add ${net6(context)} ${via6} src ${pod6}`],
    'IPv4 of one key, appended': (context) => {
      const net = net4(context);
      return [
        `route add ${net} ${via4} mtu 1400`,
        `route append ${net} dev DEV scope link`,
        `route append ${net} ${via4} advmss 900`,
      ];
    },
    'IPv6 of one key, by metric': (context) => {
      const net = net6(context);
      return [`route add ${net} ${via6} metric 3`, `route append ${net} dev DEV metric 4 mtu 1300`];
    },
    'IPv4 multipath': (context) => [
      `route add ${net4(context)} nexthop ${via4} weight ${context.random.between(1, 9)} nexthop dev DEV weight 2`,
    ],
    'IPv6 multipath': (context) => [
      `route add ${net6(context)} nexthop ${via6} weight ${context.random.between(1, 9)} nexthop via fe80::77 dev DEV weight 2`,
    ],
    'IPv4 via IPv6': (context) => [`route add ${net4(context)} via inet6 fe80::77 dev DEV`],
    'IPv4 local': (context) => [`route add local ${net4(context)} dev DEV table ${1000 + context.unique()}`],
    'IPv4 multicast': ({ unique }) => [
      `route add multicast 238.${unique() >> 8}.${unique() & 255}.0/24 dev DEV`,
    ],
    'IPv6 multicast': (context) => [`route add ff3e:${context.unique()}::/32 dev DEV table local`],
    'IPv4 unreachable, without the device': (context) => [
      `route add ${context.random.one(['unreachable', 'blackhole', 'prohibit'])} ${net4(context)}`,
    ],
    'IPv6 unreachable, without the device': (context) => [
      `route add ${context.random.one(['unreachable', 'blackhole', 'prohibit'])} ${net6(context)}`,
    ],
    'to an object': (context) => {
      const id = context.unique();
      return [
        `nexthop add id ${id} ${via4}`,
        `route add ${net4(context)} nhid ${id}`,
        `route add ${net4(context)} nhid ${id} mtu 1350`,
      ];
    },
    'to an IPv6 object': (context) => {
      const id = context.unique();
      return [`nexthop add id ${id} ${via6} protocol bgp`, `route add ${net6(context)} nhid ${id}`];
    },
    'to an object without gateway': (context) => {
      const id = context.unique();
      return [`nexthop add id ${id} dev DEV`, `route add ${net4(context)} nhid ${id}`];
    },
    'to a group': (context) => {
      const [a, b, group] = [context.unique(), context.unique(), context.unique()];
      return [
        `nexthop add id ${a} ${via4}`,
        `nexthop add id ${b} dev DEV`,
        `nexthop add id ${group} group ${a},${context.random.between(1, 9)}/${b} ${context.random.maybe('type mpath')}`,
        `route add ${net4(context)} nhid ${group}`,
      ];
    },
    'to a resilient group': (context) => {
      const [a, b, group] = [context.unique(), context.unique(), context.unique()];
      return [
        `nexthop add id ${a} ${via4}`,
        `nexthop add id ${b} ${via4}`,
        `nexthop add id ${group} group ${a}/${b} type resilient buckets 8 idle_timer 60`,
        `route add ${net4(context)} nhid ${group}`,
      ];
    },
  };
};

export const routeKinds: readonly ElementKind[] = [
  ...bothEnds.flatMap((end) => [
    ...attributed(end),
    ...Object.entries(others(end)).map(
      ([name, lines]): ElementKind => ({
        name: `route: ${name}`,
        end,
        phase: 'route',
        commands: (context) => ip(...lines(context)),
      }),
    ),
  ]),
  ...(
    [
      ['IPv4', '0.0.0.0/0', nextHop('pod').ipv4],
      ['IPv6', '::/0', nextHop('pod').ipv6],
    ] as const
  ).map(
    ([family, destination, via]): ElementKind => ({
      name: `route: ${family} default with metrics`,
      end: 'pod',
      phase: 'route',
      commands: (context) =>
        ip(`route replace ${destination} ${via} initcwnd ${context.random.between(11, 40)} mtu 1400`),
    }),
  ),
];
