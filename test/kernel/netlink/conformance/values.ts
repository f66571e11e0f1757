import fc from 'fast-check';
import { formatIpAddressBytes, ipAddressToBytes } from '../../../../server/netlink/ip-address.ts';
import type { NewRoute, RouteType } from '../../../../server/netlink/route-message.ts';
import type { RouteMetrics } from '../../../../server/netlink/route-metrics.ts';

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
/** Without the keys that have no value. */
const given = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never;
const u32 = fc.integer({ min: 1, max: 0xffff_ffff });

/** A prefix of an interface's name, which may have 15 bytes. */
export const name = fc.stringMatching(/^[a-z][a-zA-Z0-9_.-]{0,8}$/);
export const alternativeName = fc.stringMatching(/^[a-z][a-zA-Z0-9_.@-]{0,110}$/);
export const alias = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9 éß/_:.-]{0,60}[a-z]$/);
export const mtu = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(68, 576, 1279, 1280, 1500, 9000, 65_535) },
  { weight: 3, arbitrary: fc.integer({ min: 1280, max: 65_535 }) },
  { weight: 1, arbitrary: fc.integer({ min: 68, max: 65_535 }) },
);
/** Neither multicast nor all zero. */
export const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => {
  bytes[0] = (bytes[0]! & 0xfe) | 0x02;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
});

export const eachEnd = <T>(value: fc.Arbitrary<T>) =>
  fc.record({ primary: optional(value), peer: optional(value) }).map(given);

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** An address whose first bytes are these; zeros and ones at the end are likely, which have names of their own. */
const within = (length: 4 | 16, ...first: number[]): fc.Arbitrary<string> =>
  fc
    .tuple(bytes(length - first.length), fc.nat(length - first.length))
    .map(([rest, zeros]) => formatIpAddressBytes(Uint8Array.of(...first, ...rest.fill(0, 0, zeros))));

/** Interfaces' own are in 10.0.0.0/8 and fd00::/8, gateways and destinations elsewhere, so that none is another's. */
const own4 = within(4, 10).filter((address) => !/\.(0|255)$/.test(address));
/** Odd, so that none is the anycast address of its subnet's routers. */
const own6 = within(16, 0xfd).map((address) => {
  const odd = Uint8Array.from(ipAddressToBytes(address));
  odd[15]! |= 1;
  return formatIpAddressBytes(odd);
});
const gateway4 = fc
  .oneof(within(4, 169, 254), within(4, 192, 0, 2))
  .filter((text) => !/\.(0|255)$/.test(text));
const linkLocal = within(16, 0xfe, 0x80, 0, 0, 0, 0, 0, 0).filter((text) => text !== 'fe80::');
const gateway6 = fc.oneof(
  linkLocal,
  within(16, 0x40, 0x01).filter((text) => text !== '4001::'),
);

/** Half a thousand seconds from the next thousand, so that two readings round to the same. */
const seconds = fc.integer({ min: 1, max: 1_000_000 }).map((thousands) => thousands * 1000 + 500);
const lifetimes = fc
  .tuple(seconds, seconds)
  .map(([a, b]) => ({ validSeconds: Math.max(a, b), preferredSeconds: Math.min(a, b) }));

const addressOptions = fc.record({
  prefixRoute: optional(fc.boolean()),
  metric: optional(u32),
  lifetimes: optional(lifetimes),
});
export const address4 = fc
  .record({
    address: own4,
    length: fc.integer({ min: 8, max: 32 }),
    peer: optional(own4),
    broadcast: optional(own4),
    label: optional(fc.stringMatching(/^[a-z0-9]{1,4}$/)),
    options: addressOptions,
  })
  .map(({ options: { lifetimes, ...options }, ...address }) => ({
    kind: 'ipv4' as const,
    ...(given({ ...options, ...address, ...lifetimes }) as {
      address: string;
      length: number;
      label?: string;
    }),
  }));
export const address6 = fc
  .record({
    address: fc.oneof({ weight: 4, arbitrary: own6 }, { weight: 1, arbitrary: linkLocal }),
    length: fc.integer({ min: 8, max: 128 }),
    peer: optional(own6),
    duplicateDetection: optional(fc.boolean()),
    flags: optional(fc.constant(0x10)),
    options: addressOptions,
  })
  .map(({ options: { lifetimes, ...options }, ...address }) => ({
    kind: 'ipv6' as const,
    ...(given({ ...options, ...address, ...lifetimes }) as {
      address: string;
      length: number;
      label?: string;
    }),
  }));

/** The bits behind the length are zero, as the kernel wants them; `default` for no bits. */
const prefix = (length: 4 | 16, first: fc.Arbitrary<number>) =>
  fc.tuple(first, bytes(length - 1), fc.integer({ min: 0, max: length * 8 })).map(([start, rest, bits]) => {
    if (bits === 0) return 'default';
    const masked = Uint8Array.of(start, ...rest).map((byte, index) => {
      const keep = Math.min(8, Math.max(0, bits - index * 8));
      return byte & (0xff << (8 - keep));
    });
    const text = formatIpAddressBytes(masked);
    return bits === length * 8 ? text : `${text}/${bits}`;
  });
const destination4 = prefix(
  4,
  fc.integer({ min: 1, max: 223 }).filter((first) => first !== 10 && first !== 127),
).filter((text) => !text.startsWith('0.'));
const destination6 = prefix(16, fc.integer({ min: 0x20, max: 0x3f }));

const metricValues = fc
  .record({
    mtu: optional(fc.integer({ min: 1280, max: 65_000 })),
    window: optional(fc.integer({ min: 1, max: 1 << 20 })),
    ssthresh: optional(fc.integer({ min: 1, max: 1 << 20 })),
    cwnd: optional(fc.integer({ min: 1, max: 1000 })),
    advmss: optional(fc.integer({ min: 256, max: 65_000 })),
    reordering: optional(fc.integer({ min: 1, max: 300 })),
    hoplimit: optional(fc.integer({ min: 1, max: 255 })),
    initcwnd: optional(fc.integer({ min: 1, max: 1000 })),
    rto_min: optional(fc.integer({ min: 1, max: 10_000 })),
    initrwnd: optional(fc.integer({ min: 1, max: 1000 })),
    quickack: optional(fc.constant(1)),
  })
  .map(given);
const metrics = fc.record({ values: metricValues, lock: fc.boolean(), reno: fc.boolean() }).map(
  ({ values, lock, reno }): NonNullable<RawRoute['more']['metrics']> => ({
    values,
    // `ip` locks rto_min whenever it sets it.
    locked: [
      ...(lock && values.mtu !== undefined ? (['mtu'] as const) : []),
      ...(values.rto_min === undefined ? [] : (['rto_min'] as const)),
    ],
    congestionControl: reno ? 'reno' : null,
  }),
);
const common = {
  via: fc.constantFrom('device' as const, 'gateway' as const, 'gateway6' as const, 'several' as const),
  type: fc.oneof(
    { weight: 4, arbitrary: fc.constant('unicast' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('blackhole' as const, 'unreachable' as const, 'prohibit' as const),
    },
  ),
  weights: fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 3, maxLength: 3 }),
  devices: fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }),
  ownSource: fc.boolean(),
};
const more = {
  table: optional(fc.oneof(fc.integer({ min: 1, max: 252 }), fc.integer({ min: 256, max: 0xffff_ffff }))),
  protocol: optional(fc.constantFrom(3, 4, 11, 16, 99, 186, 250)),
  metric: optional(u32),
  metrics: optional(metrics),
};
export const route4: fc.Arbitrary<RawRoute> = fc.record({
  ...common,
  family: fc.constant('ipv4' as const),
  destination: destination4,
  gateways: fc.uniqueArray(gateway4, { minLength: 2, maxLength: 3 }),
  gateway6: linkLocal,
  more: fc
    .record({
      ...more,
      typeOfService: optional(fc.constantFrom(4, 8, 16)),
      scope: optional(fc.constantFrom('global' as const, 'site' as const, 'link' as const)),
    })
    .map(given),
});
export const route6: fc.Arbitrary<RawRoute> = fc.record({
  ...common,
  family: fc.constant('ipv6' as const),
  destination: destination6,
  gateways: fc.uniqueArray(gateway6, { minLength: 2, maxLength: 3 }),
  gateway6: linkLocal,
  more: fc
    .record({
      ...more,
      preference: optional(fc.constantFrom('low' as const, 'medium' as const, 'high' as const)),
    })
    .map(given),
});

export const neighbor = fc.record({
  address: fc.oneof(own4, gateway4, own6, linkLocal),
  mac,
  state: fc.constantFrom('permanent' as const, 'stale' as const, 'noarp' as const),
  router: fc.boolean(),
  proxy: fc.oneof({ weight: 1, arbitrary: fc.constant(true) }, { weight: 4, arbitrary: fc.constant(false) }),
  externallyLearned: fc.boolean(),
  protocol: fc.constantFrom(0, 4, 186, 250),
});
export interface RawRoute {
  family: 'ipv4' | 'ipv6';
  type: RouteType;
  destination: string;
  via: 'device' | 'gateway' | 'gateway6' | 'several';
  gateways: string[];
  gateway6: string;
  weights: number[];
  devices: number[];
  ownSource: boolean;
  more: Pick<NewRoute, 'table' | 'protocol' | 'metric' | 'typeOfService' | 'preference' | 'scope'> & {
    metrics?: Partial<RouteMetrics>;
  };
}
