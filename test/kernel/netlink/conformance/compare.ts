import { isDeepStrictEqual } from 'node:util';
import { endsOf, type Place, type World } from './generate.ts';
import type { Told } from './read.ts';

/** What tells an object from the others of its namespace. */
const key = ({
  object,
  ifindex,
  address,
  family,
  table,
  destination,
  type,
  typeOfService,
  metric,
  proxy,
}: Told) =>
  object === 'link' || object === 'address' || object === 'neighbor'
    ? [object, ifindex, address, proxy].filter((each) => each !== undefined && each !== false).join(' ')
    : [
        object,
        family,
        type,
        destination,
        'table',
        table,
        'tos',
        typeOfService,
        'metric',
        metric,
        ifindex,
      ].join(' ');

/** Sentences of what two readings tell differently, field by field; none when they agree. */
export function differences(place: Place, ours: Told[], theirs: Told[]): string[] {
  const [mine, other] = [grouped(ours), grouped(theirs)];
  const found: string[] = [];
  for (const each of new Set([...mine.keys(), ...other.keys()])) {
    const [a = [], b = []] = [mine.get(each), other.get(each)];
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      if (!a[i]) found.push(`${place}: ${each}: ip alone reads it: ${JSON.stringify(b[i])}`);
      else if (!b[i]) found.push(`${place}: ${each}: we alone read it: ${JSON.stringify(a[i])}`);
      else
        found.push(
          ...fieldDifferences(`${place}: ${each}`, withoutLocks(a[i]!), b[i]!, ['we read', 'ip reads']),
        );
    }
  }
  return found;
}

function grouped(told: Told[]): Map<string, Told[]> {
  const groups = new Map<string, Told[]>();
  for (const each of told) {
    const name = key(each);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  for (const group of groups.values()) group.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  return groups;
}

/** JSON of `ip` says nothing of locks; `unmet` compares them with what was asked for. */
const withoutLocks = (told: Told): Told => {
  if (told.object !== 'route') return told;
  const { locked, ...metrics } = told.metrics as { locked: unknown };
  return { ...told, metrics };
};

function fieldDifferences(
  what: string,
  a: Record<string, unknown>,
  b: Record<string, unknown>,
  [first, second]: [string, string],
): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((field) => !isDeepStrictEqual(a[field], b[field]))
    .map(
      (field) =>
        `${what}: ${field}: ${first} ${JSON.stringify(a[field])}, ${second} ${JSON.stringify(b[field])}`,
    );
}

/** Sentences of what was asked for and is not read back; none when all stands. */
export function unmet(world: World, read: Record<Place, Told[]>): string[] {
  return wanted(world).flatMap(({ place, ...object }) => {
    const same = read[place].filter((told) => key(told) === key(object as Told));
    const against = same.map((told) =>
      fieldDifferences(`${place}: ${key(told)}`, object, pick(told, object), ['asked for', 'we read']),
    );
    if (against.length === 0) return [`${place}: asked for and not there: ${JSON.stringify(object)}`];
    return against.some((each) => each.length === 0) ? [] : against[0]!;
  });
}

const pick = (told: Record<string, unknown>, like: object): Record<string, unknown> =>
  Object.fromEntries(Object.keys(like).map((field) => [field, told[field]]));

/** The fields that were asked for, of every object, as we read them; what the kernel chooses is left out. */
const wanted = (world: World): ({ place: Place } & Told)[] =>
  [
    ...world.flatMap(({ kind, netkit, primary, peer }) =>
      ([primary, peer] as const).map((end) => {
        const isPrimary = end === primary;
        const [own, other] = isPrimary ? (['primary', 'peer'] as const) : (['peer', 'primary'] as const);
        return {
          place: end.place,
          object: 'link' as const,
          ifindex: end.ifindex,
          name: end.name,
          kind,
          mtu: end.mtu,
          up: end.up,
          group: end.group,
          alternativeNames: end.alternativeNames,
          peerIfindex: (isPrimary ? peer : primary).ifindex,
          ...(end.mac === undefined ? {} : { mac: end.mac }),
          ...(end.alias === undefined ? {} : { alias: end.alias }),
          ...(netkit && {
            netkit: {
              primary: isPrimary,
              mode: netkit.mode,
              policy: netkit.policy?.[own] ?? 'forward',
              peerPolicy: netkit.policy?.[other] ?? 'forward',
              scrub: netkit.scrub?.[own] ?? 'default',
              peerScrub: netkit.scrub?.[other] ?? 'default',
            },
          }),
        };
      }),
    ),
    ...endsOf(world).flatMap(({ place, ifindex, addresses, routes, neighbors }) => [
      ...addresses.map(({ address, options }) => ({
        place,
        object: 'address' as const,
        ifindex,
        address,
        ...(options.peer === undefined || options.peer === address.split('/')[0]
          ? {}
          : { peer: options.peer }),
        ...(options.label === undefined ? {} : { label: options.label }),
        ...(options.broadcast === undefined ? {} : { broadcast: options.broadcast }),
        ...(options.metric === undefined ? {} : { metric: options.metric }),
        ...(options.validSeconds === undefined
          ? { permanent: true }
          : {
              permanent: false,
              validSeconds: Math.floor(options.validSeconds / 1000),
              preferredSeconds: Math.floor(options.preferredSeconds! / 1000),
            }),
      })),
      ...routes.map((route) => {
        const { family, table = 254, type = 'unicast', protocol = 3, typeOfService = 0 } = route;
        const { values = {}, locked = [], congestionControl = null } = route.metrics ?? {};
        const metric = route.metric ?? (family === 'ipv6' ? 1024 : undefined);
        const [only] = route.nextHops ?? [route];
        return {
          place,
          object: 'route' as const,
          family,
          type,
          destination: route.destination,
          table,
          protocol,
          typeOfService,
          metrics: { values, locked, congestionControl },
          // IPv6 puts routes to nowhere on loopback.
          ifindex: type === 'unicast' ? only!.ifindex : family === 'ipv6' ? 1 : undefined,
          ...(metric === undefined ? {} : { metric }),
          ...(route.preferredSource === undefined ? {} : { preferredSource: route.preferredSource }),
          ...(family === 'ipv6' ? { preference: route.preference ?? 'medium' } : {}),
          ...(only!.gateway === undefined ? {} : { gateway: only!.gateway }),
        };
      }),
      ...neighbors.map(({ mac, state, protocol = 0, ...neighbor }) => ({
        place,
        object: 'neighbor' as const,
        ...neighbor,
        proxy: neighbor.proxy ?? false,
        protocol,
        ...(mac === undefined ? {} : { mac }),
        ...(state === undefined ? {} : { state }),
      })),
    ]),
  ] as ({ place: Place } & Told)[];
