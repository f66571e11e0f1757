import fc from 'fast-check';
import {
  addressBitLength,
  type Cidr,
  formatCidr,
  type IpAddress,
  parseAddress,
  parseCidr,
} from '../../../contract/cidr.ts';
import { type RuleSet, ruleSetSchema } from '../../../contract/rule-set.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { PolicyPacket } from '../../../server/acl/spec/policy-packet.ts';

const apps = ['web', 'db', 'cache'];
const teams = ['shop', 'ops'];

/** Few networks that lie in one another, so that rules meet; both families, both ends of the address space. */
const networks: fc.Arbitrary<Cidr> = fc
  .record({
    root: fc.constantFrom(
      '10.0.0.0/8',
      '10.42.0.0/24',
      '0.0.0.0/0',
      'fd42::/64',
      '::/0',
      'fd00::/8',
      '255.255.255.0/24',
    ),
    longer: fc.integer({ min: 0, max: 10 }),
    bits: fc.bigInt({ min: 0n, max: 1023n }),
    end: fc.boolean(),
  })
  .map(({ root, longer, bits, end }) => within(parseCidr(root), longer, bits, end));

/** `longer` bits more of the address: `bits`; or all the way to the end, a single address or a few. */
function within({ family, address, length }: Cidr, longer: number, bits: bigint, end: boolean): Cidr {
  const room = addressBitLength(family) - length;
  const more = Math.min(end ? room - (longer % 3) : longer, room);
  const value =
    address | ((bits & ((1n << BigInt(Math.max(more, 0))) - 1n)) << BigInt(room - Math.max(more, 0)));
  return { family, address: value, length: length + Math.max(more, 0) };
}

const cidrPeer = fc
  .tuple(
    networks,
    fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.bigInt({ min: 0n, max: 511n }), fc.boolean()), {
      maxLength: 3,
    }),
  )
  .map(([cidr, parts]) => ({
    cidr: formatCidr(cidr),
    except: parts
      .map(([longer, bits, end]) => within(cidr, longer, bits, end))
      .filter(({ length }) => length > cidr.length)
      .map(formatCidr),
  }));

const selector = fc.oneof(
  fc.constantFrom(...apps).map((app) => ({ matchLabels: { app } })),
  fc
    .record({
      key: fc.constantFrom('app', 'tier'),
      operator: fc.constantFrom('In' as const, 'NotIn' as const),
      values: fc.subarray(apps, { minLength: 1 }),
    })
    .map((expression) => ({ matchExpressions: [expression] })),
  fc
    .record({
      key: fc.constantFrom('app', 'tier'),
      operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const),
    })
    .map((expression) => ({ matchExpressions: [expression] })),
);

const namespaces = fc.oneof(
  fc.constantFrom('a', 'b').map((stage) => ({ matchLabels: { stage } })),
  fc.constantFrom('Exists' as const, 'DoesNotExist' as const).map((operator) => ({
    matchExpressions: [{ key: 'stage', operator }],
  })),
);

const podPeer = fc.record(
  { pods: selector, namespace: fc.constantFrom(...teams), namespaces },
  { requiredKeys: ['pods'] },
);

/** Port ranges that begin and end on both sides of powers of two. */
const port = fc.oneof(
  fc.constantFrom(0, 1, 53, 79, 80, 81, 443, 1023, 1024, 32_767, 32_768, 65_534, 65_535),
  fc.integer({ min: 0, max: 65_535 }),
);
const ports = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(port, port, fc.boolean())
        .map(([a, b, single]) => (single ? { from: a } : { from: Math.min(a, b), to: Math.max(a, b) })),
    },
    { weight: 1, arbitrary: fc.constantFrom('http', 'dns', 'absent').map((name) => ({ name })) },
  ),
  { maxLength: 3 },
);
const icmp = fc.array(
  fc.record(
    { type: fc.constantFrom(0, 3, 8, 128, 255), code: fc.constantFrom(0, 1, 255) },
    { requiredKeys: ['type'] },
  ),
  { maxLength: 2 },
);

const subject = fc.oneof(
  fc.constant({ all: true as const }),
  fc.constantFrom(...teams).map((namespace) => ({ namespace })),
  selector.map((selector) => ({ selector })),
  fc.tuple(selector, fc.constantFrom(...teams)).map(([selector, namespace]) => ({ selector, namespace })),
  fc.constantFrom('shop.web-0', 'pod-1', 'nobody').map((pod) => ({ pod })),
);

const matched = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
      ports,
    }),
  },
  { weight: 1, arbitrary: fc.record({ protocol: fc.constant('icmp' as const), icmp }) },
  { weight: 1, arbitrary: fc.constant({ protocol: 'any' as const }) },
);

const rule = fc
  .record({
    direction: fc.constantFrom('ingress' as const, 'egress' as const),
    subject,
    peers: fc.array(fc.oneof({ weight: 3, arbitrary: cidrPeer }, { weight: 1, arbitrary: podPeer }), {
      maxLength: 3,
    }),
    action: fc.constantFrom('allow' as const, 'deny' as const, 'log' as const),
    // Few values: ties are the rule.
    priority: fc.constantFrom(0, 10, 10, 20, 65_535),
    matched,
  })
  .map(({ matched, ...rule }) => ({ ...rule, ...matched }));

const verdict = fc.constantFrom('allow' as const, 'deny' as const);

export const ruleSets: fc.Arbitrary<RuleSet> = fc
  .record({
    defaults: fc.record({ ingress: verdict, egress: verdict }),
    rules: fc.array(rule, { maxLength: 14 }),
  })
  .map(({ defaults, rules }) =>
    ruleSetSchema.parse({
      name: 'generated',
      defaults,
      rules: rules.map((rule, i) => ({ ...rule, name: `r${i}` })),
    }),
  );

const somePod = (i: number): SelectablePod => ({
  id: `pod-${i}`,
  namespace: teams[i % 2]!,
  name: `${apps[i % 3]}-${i}`,
  labels: { app: apps[i % 3]!, ...(i > 3 ? { tier: 'db' } : {}) },
  addresses: [`10.42.0.${i}/32`, ...(i % 2 === 0 ? [`fd42::${i}/128`] : [])],
  // Some have the same number, some another one, some none.
  ports: [
    ...(i % 3 === 2 ? [] : [{ name: 'http', protocol: 'tcp' as const, port: i % 2 === 0 ? 80 : 1024 }]),
    { name: 'dns', protocol: i % 2 === 0 ? ('udp' as const) : ('tcp' as const), port: 53 },
  ],
  namespaceLabels: i % 2 === 0 ? { stage: 'a' } : {},
});

export const somePods: SelectablePod[] = Array.from({ length: 6 }, (_, i) => somePod(i));

/** Pods of other nodes, which rules select as peers only. */
export const remotePods: SelectablePod[] = Array.from({ length: 6 }, (_, i) => somePod(i + 6));

/** Addresses at and around the ends of everything that rules and pods name. */
export function edgeAddresses({ rules }: RuleSet, pods: readonly SelectablePod[]): IpAddress[] {
  const cidrs = [
    ...rules.flatMap(({ peers }) =>
      peers.flatMap((peer) => ('cidr' in peer ? [peer.cidr, ...peer.except] : [])),
    ),
    ...pods.flatMap(({ addresses }) => addresses),
  ].map(parseCidr);
  const edges = ['203.0.113.7', '2001:db8::7', '255.255.255.255', '0.0.0.0', '::'].map(parseAddress);
  for (const { family, address, length } of cidrs) {
    const bits = addressBitLength(family);
    const last = address + (1n << BigInt(bits - length)) - 1n;
    // An IPv6 packet of such an address is never let in.
    for (const value of [address - 1n, address, address + 1n, last - 1n, last, last + 1n])
      if (value >= 0n && value < 1n << BigInt(bits) && (family === 4 || value >> 32n !== 0xffffn))
        edges.push({ family, value });
  }
  return edges;
}

/** Protocols with ports and types at and around the ends of all ranges. */
export function edgePorts({ rules }: RuleSet): { protocol: number; port: number }[] {
  const edges = new Set([0, 1, 53, 80, 1024, 65_535]);
  for (const { ports, icmp } of rules) {
    for (const port of ports) {
      const { from, to = from } = 'name' in port ? { from: 80 } : port;
      for (const edge of [from - 1, from, from + 1, to - 1, to, to + 1]) edges.add(edge);
    }
    for (const { type, code = 0 } of icmp)
      for (const near of [-1, 0, 1, 255, 256]) edges.add((type << 8) + code + near);
  }
  const inside = [...edges].filter((port) => port >= 0 && port <= 65_535);
  const all = [1, 6, 17, 58, 132].flatMap((protocol) => inside.map((port) => ({ protocol, port })));
  return [...all, { protocol: 47, port: 0 }, { protocol: 0, port: 0 }, { protocol: 255, port: 0 }];
}

/** `count` packets of all pods and directions whose addresses and ports are at boundaries, mostly. */
export function edgePackets(
  set: RuleSet,
  pods: readonly SelectablePod[],
  count: number,
  random: () => number,
  others: readonly SelectablePod[] = [],
): PolicyPacket[] {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const addresses = edgeAddresses(set, [...pods, ...others]);
  const places = edgePorts(set);
  return Array.from({ length: count }, () => {
    const place = pick(places);
    const anywhere = random() < 0.1 && place.port !== 0;
    return {
      pod: pick(pods).id,
      direction: pick(['ingress', 'egress'] as const),
      peer: pick(addresses),
      ...place,
      ...(anywhere ? { port: Math.floor(random() * 65_536) } : {}),
    };
  });
}
