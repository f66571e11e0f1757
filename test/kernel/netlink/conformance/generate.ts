import fc from 'fast-check';
import type { NewAddressOptions } from '../../../../server/netlink/address.ts';
import type { NewNeighbor } from '../../../../server/netlink/neighbor.ts';
import type { NewNetkit } from '../../../../server/netlink/netkit.ts';
import type { NewNextHop } from '../../../../server/netlink/next-hop.ts';
import type { NewRoute } from '../../../../server/netlink/route-message.ts';
import type { RawRoute } from './values.ts';
import * as arbitrary from './values.ts';

export type Place = 'host' | 'pod';

/** One end of a device and all that stands on it. */
export interface End {
  place: Place;
  name: string;
  ifindex: number;
  mtu: number;
  mac: string | undefined;
  up: boolean;
  group: number;
  alias: string | undefined;
  alternativeNames: string[];
  addresses: { address: string; options: NewAddressOptions }[];
  routes: NewRoute[];
  neighbors: NewNeighbor[];
}

export interface Device {
  kind: 'veth' | 'netkit';
  netkit: Pick<NewNetkit, 'mode' | 'policy' | 'scrub'> | undefined;
  primary: End;
  peer: End;
}

/** Devices between two namespaces, or within the first; every value is one that the kernel takes. */
export type World = Device[];

export const endsOf = (world: World): End[] => world.flatMap(({ primary, peer }) => [primary, peer]);
export const objectsOf = (world: World): number =>
  endsOf(world).reduce(
    (sum, { addresses, routes, neighbors }) => sum + addresses.length + routes.length + neighbors.length,
    world.length,
  );

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const end = fc.record({
  name: arbitrary.name,
  mtu: arbitrary.mtu,
  mac: optional(arbitrary.mac),
  up: fc.boolean().map((down) => !down),
  group: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0x7fff_ffff })),
  alias: optional(arbitrary.alias),
  alternativeNames: fc.array(arbitrary.alternativeName, { maxLength: 2 }),
  /** of all its IPv4 addresses: those of one subnet must have the same */
  scope: optional(fc.constantFrom('global' as const, 'site' as const, 'link' as const, 'host' as const)),
  addresses: fc.array(fc.oneof(arbitrary.address4, arbitrary.address6), { maxLength: 5 }),
  routes: fc.array(fc.oneof(arbitrary.route4, arbitrary.route6), { maxLength: 7 }),
  neighbors: fc.array(arbitrary.neighbor, { maxLength: 4 }),
});
type RawEnd = typeof end extends fc.Arbitrary<infer T> ? T : never;

const device = (kinds: Device['kind'][]) =>
  fc.record({
    kind: fc.constantFrom(...kinds),
    mode: fc.constantFrom('l2' as const, 'l3' as const),
    policy: optional(arbitrary.eachEnd(fc.constantFrom('forward' as const, 'blackhole' as const))),
    scrub: optional(arbitrary.eachEnd(fc.constantFrom('none' as const, 'default' as const))),
    across: fc.boolean().map((within) => !within),
    primary: end,
    peer: end,
  });

/** Worlds of so many devices. What the kernel would refuse for another value's sake is left out or made to fit. */
export const worlds = (
  kinds: Device['kind'][],
  size: { minLength: number; maxLength: number },
): fc.Arbitrary<World> =>
  fc.array(device(kinds), size).map((raw) => {
    const world = raw.map(({ kind, mode, policy, scrub, across, primary, peer }, index): Device => {
      const bare = kind === 'netkit' && mode === 'l3';
      return {
        kind,
        netkit: kind === 'netkit' ? { mode, ...(policy && { policy }), ...(scrub && { scrub }) } : undefined,
        primary: plain(primary, 'host', index, 0, bare),
        peer: plain(peer, across ? 'pod' : 'host', index, 1, bare),
      };
    });
    const seen = new Set<string>();
    for (const [index, { kind, mode, primary, peer }] of raw.entries()) {
      const bare = kind === 'netkit' && mode === 'l3';
      const carrier = primary.up && peer.up;
      furnish(world, world[index]!.primary, primary, { bare, carrier }, seen);
      furnish(world, world[index]!.peer, peer, { bare, carrier }, seen);
    }
    return world;
  });

const plain = (raw: RawEnd, place: Place, index: number, side: number, bare: boolean): End => ({
  place,
  name: `${raw.name}${index}${'ab'[side]}`,
  ifindex: 1_048_576 + 2 * index + side,
  mtu: raw.mtu,
  mac: bare ? undefined : raw.mac,
  up: raw.up,
  group: raw.group,
  alias: raw.alias,
  alternativeNames: raw.alternativeNames.map((name, number) => `${name}.${index}${'ab'[side]}${number}`),
  addresses: [],
  routes: [],
  neighbors: [],
});

const speaksIpv6 = ({ mtu }: End): boolean => mtu >= 1280;

function furnish(
  world: World,
  into: End,
  raw: RawEnd,
  { bare, carrier }: { bare: boolean; carrier: boolean },
  seen: Set<string>,
): void {
  const once = (...key: (string | number | undefined)[]): boolean => {
    const text = [into.place, ...key].join(' ');
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  };
  for (const { kind, address, length, label, ...options } of raw.addresses) {
    if (kind === 'ipv6' && !speaksIpv6(into)) continue;
    if (!once('address', address)) continue;
    into.addresses.push({
      address: `${address}/${length}`,
      options: {
        ...options,
        ...(kind === 'ipv4' && raw.scope ? { scope: raw.scope } : {}),
        ...(kind === 'ipv4' && label !== undefined ? { label: `${into.name.slice(0, 10)}:${label}` } : {}),
      },
    });
    if (kind === 'ipv4' && into.name.length > 10) delete into.addresses.at(-1)!.options.label;
  }
  if (!into.up) return;
  const near = endsOf(world).filter(({ place, up }) => place === into.place && up);
  for (const route of raw.routes) {
    if (route.family === 'ipv6' && !speaksIpv6(into)) continue;
    const made = routeOn(into, near, route);
    const { family, table = 254, destination, typeOfService = 0, metric = 0 } = made;
    // The kernel makes the metric of IPv6 1024 where none is given.
    const key = family === 'ipv6' && metric === 0 ? 1024 : metric;
    if (once('route', family, table, destination, typeOfService, key)) into.routes.push(made);
  }
  if (bare) return;
  for (const { proxy, mac, state, ...neighbor } of raw.neighbors) {
    if (neighbor.address.includes(':') && !speaksIpv6(into)) continue;
    // Without carrier the kernel forgets all but the permanent ones.
    if (proxy && !carrier) continue;
    if (!once('neighbor', into.ifindex, neighbor.address)) continue;
    into.neighbors.push({
      ifindex: into.ifindex,
      ...neighbor,
      ...(proxy ? { proxy, externallyLearned: false } : { mac, state: carrier ? state : 'permanent' }),
    });
  }
}

function routeOn(into: End, near: End[], raw: RawRoute): NewRoute {
  const { family, type, destination, gateways, gateway6, more } = raw;
  const { scope, preference, ...rest } = more;
  // The kernel takes no preference of routes to nowhere.
  if (type !== 'unicast') return { family, destination, type, ...rest };
  const base = { family, destination, ...rest, ...(preference ? { preference } : {}) };
  // One that the kernel still asks around for is no source.
  const own = into.addresses.find(
    ({ address, options }) =>
      address.startsWith(family === 'ipv6' ? 'fd' : '10.') && !options.duplicateDetection,
  );
  const source = raw.ownSource && own ? { preferredSource: own.address.split('/')[0]! } : {};
  const onlink = (gateway: string) => !gateway.startsWith('fe80:');
  if (raw.via === 'several') {
    const candidates = near.filter((each) => family === 'ipv4' || speaksIpv6(each));
    const hops = gateways.map((gateway, index): NewNextHop => {
      const through = candidates[raw.devices[index]! % candidates.length]!;
      return { gateway, ifindex: through.ifindex, onlink: onlink(gateway), weight: raw.weights[index]! };
    });
    return { ...base, ...source, nextHops: hops };
  }
  if (raw.via === 'gateway6' && family === 'ipv4' && speaksIpv6(into))
    return { ...base, ...source, ifindex: into.ifindex, gateway: gateway6, onlink: false };
  if (raw.via === 'gateway' || family === 'ipv6')
    return {
      ...base,
      ...source,
      ifindex: into.ifindex,
      ...(raw.via === 'device' ? {} : { gateway: gateways[0]!, onlink: onlink(gateways[0]!) }),
    };
  return { ...base, ...source, ifindex: into.ifindex, ...(scope ? { scope } : {}) };
}
