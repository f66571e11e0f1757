import {
  bothEnds,
  type DeviceEnd,
  type ElementContext,
  type ElementKind,
  linesOf,
  ownMac,
} from '../element.ts';

const nft = linesOf('nft');
const ip = linesOf('ip');
const bridge = linesOf('bridge');
const sh = linesOf('sh');

/** What accepts a packet of the device; `NAME` is iifname or oifname. */
const matches: Record<string, string> = {
  name: 'NAME "DEV" counter accept',
  wildcard: 'NAME "WILD" counter accept',
  'set of names in the rule': 'NAME { "lo", "DEV" } accept',
  'named set': 'NAME @names accept',
  map: 'NAME vmap { "DEV" : accept, "other0" : drop }',
  index: 'INDEX "DEV" accept',
  'set of indexes': 'INDEX { "lo", "DEV" } accept',
  'another name': 'NAME != "DEV" drop',
};

/** Accepts the pod's packets only where they use this device, as a policy `drop` would, and leaves all others alone. */
function table(end: DeviceEnd, match: string, { unique }: ElementContext): string[] {
  const name = `t${unique()}`;
  const chain = (hook: 'input' | 'output'): string[] => {
    const rule = match
      .replace('NAME', hook === 'input' ? 'iifname' : 'oifname')
      .replace('INDEX', hook === 'input' ? 'iif' : 'oif');
    const own = hook === 'input' ? 'saddr' : 'daddr';
    const only = end === 'pod' ? '' : `ip ${own} POD4 `;
    const rest =
      end === 'pod'
        ? [`add rule inet ${name} ${hook} ${hook === 'input' ? 'iifname' : 'oifname'} "lo" accept`]
        : [];
    return [
      `add chain inet ${name} ${hook} { type filter hook ${hook} priority 0; policy accept; }`,
      ...rest,
      `add rule inet ${name} ${hook} ${only}${rule}`,
      ...(match.includes('!=') ? [] : [`add rule inet ${name} ${hook} ${only}counter drop`]),
    ];
  };
  return [
    `add table inet ${name}`,
    `add set inet ${name} names { type ifname; elements = { "lo", "DEV" }; }`,
    ...chain('input'),
    ...chain('output'),
  ];
}

const others: Record<string, (context: ElementContext) => string[]> = {
  'chain of the device': ({ unique }) => {
    const name = `n${unique()}`;
    return [
      `add table netdev ${name}`,
      `add chain netdev ${name} in { type filter hook ingress device "DEV" priority 10; policy accept; }`,
      `add rule netdev ${name} in ip protocol 99 drop`,
    ];
  },
  flowtable: ({ unique }) => {
    const name = `f${unique()}`;
    return [
      `add table inet ${name}`,
      `add flowtable inet ${name} fast { hook ingress priority 0; devices = { "DEV" }; }`,
    ];
  },
  masquerade: ({ unique }) => {
    const name = `q${unique()}`;
    return [
      `add table ip ${name}`,
      `add chain ip ${name} post { type nat hook postrouting priority 100; policy accept; }`,
      `add rule ip ${name} post oifname "DEV" ip daddr 203.0.113.0/24 masquerade`,
    ];
  },
};

const ofEnd = (end: DeviceEnd): ElementKind[] => [
  ...Object.entries(matches).map(
    ([name, match]): ElementKind => ({
      name: `firewall: ${name}`,
      end,
      phase: 'firewall',
      // What comes in at a port of a bridge comes in at the bridge, for a firewall.
      ...(end === 'host' ? { alternative: 'bridge' } : {}),
      commands: (context) => nft(...table(end, match, context)),
    }),
  ),
  ...Object.entries(others).map(
    ([name, lines]): ElementKind => ({
      name: `firewall: ${name}`,
      end,
      phase: 'firewall',
      commands: (context) => nft(...lines(context)),
    }),
  ),
];

export const firewallKinds: readonly ElementKind[] = bothEnds.flatMap(ofEnd);

export const furtherKinds: readonly ElementKind[] = [
  ...bothEnds.map(
    (end): ElementKind => ({
      name: 'xfrm: policy of the device',
      end,
      phase: 'rule',
      commands: (context) =>
        ip(
          `xfrm policy add src ${context.ipv4(0)}/30 dst 203.0.113.0/24 dev DEV dir out priority ${context.random.between(1, 999)} action block`,
        ),
    }),
  ),
  {
    name: 'mptcp: endpoint of the device',
    end: 'pod',
    phase: 'rule',
    alternative: 'mptcp',
    commands: ({ ipv4 }) => {
      const address = ipv4(1);
      return ip(`address add ${address}/32 dev DEV`, `mptcp endpoint add ${address} dev DEV subflow`);
    },
  },
  ...Object.entries({
    plain: () => [],
    'with attributes': ({ random }: ElementContext) => [
      `link set dev DEV cost ${random.between(3, 90)} priority ${random.between(1, 60)} learning off hairpin on isolated ${random.one(['on', 'off'])}`,
    ],
    'with an entry': ({ random }: ElementContext) => [
      `fdb add 02:11:22:33:44:${random.between(10, 99)} dev DEV master static`,
    ],
  }).map(
    ([name, lines]: [string, (context: ElementContext) => string[]]): ElementKind => ({
      name: `bridge: port ${name}`,
      end: 'host',
      phase: 'bridge',
      alternative: 'bridge',
      not: 'netkit-l3',
      commands: (context) => {
        const number = context.unique();
        const master = `b${number}`;
        return [
          ...sh(
            `ip link add ${master} address ${ownMac(number)} up type bridge forward_delay 0`,
            `ip link set dev DEV master ${master}`,
          ),
          ...bridge(...lines(context)),
        ];
      },
    }),
  ),
];
