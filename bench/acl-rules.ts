import { addressBitLength, type Cidr, formatCidr, formatIpAddress, parseCidr } from '../contract/cidr.ts';
import type { Direction } from '../contract/direction.ts';
import type { RuleSet } from '../contract/rule-set.ts';
import { ruleSetSchema } from '../contract/rule-set.ts';
import type { SelectablePod } from '../server/acl/spec/pod-matching.ts';
import { emptyPolicyTables, type PolicyTables } from '../server/acl/tables/policy-tables.ts';
import { countMapElements, diffPolicyTables } from '../server/acl/tables/tables-diff.ts';

/** Returns a random number generator (mulberry32) that yields the same numbers between 0 and 1 for the same seed. */
export function createSeededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const tiers = ['front', 'middle', 'back'];
const namespaces = Array.from({ length: 7 }, (_, index) => `team-${index}`);

/** Generates pods like those of a real node: five replicas of each app, with an IPv4 and an IPv6 address each. */
export function generatePolicyEndpoints(count: number): SelectablePod[] {
  const kinds = Math.ceil(count / 5);
  return Array.from({ length: count }, (_, index) => {
    const app = index % kinds;
    return {
      id: `pod-${index}`,
      namespace: namespaces[app % namespaces.length]!,
      name: `app-${app}-${index}`,
      labels: { app: `app-${app}`, tier: tiers[app % tiers.length]! },
      addresses: [`10.42.${index >> 8}.${index & 255}/32`, `fd42::${(index + 1).toString(16)}/128`],
    };
  });
}

/**
 * Rules as a company's list of networks and services gives them: CIDRs of all lengths and both families that lie in
 * one another, exceptions, single ports and odd ranges, selectors, priorities that cross.
 * @param cidrs in all rules together, exceptions not counted
 * @param pods of the node that the rules are for, as many as `generatePolicyEndpoints` has
 */
export function generateRuleSet(count: number, cidrs: number, pods: number, seed = 1): RuleSet {
  const apps = Array.from({ length: Math.ceil(pods / 5) }, (_, index) => `app-${index}`);
  const random = createSeededRandom(seed);
  const below = (end: number): number => Math.floor(random() * end);
  const pick = <T>(all: readonly T[]): T => all[below(all.length)]!;
  const sites = Array.from({ length: 12 }, () =>
    pickRandomCidrWithin(random, random() < 0.6 ? '10.0.0.0/8' : 'fd00::/8', 8),
  );
  const known: Cidr[] = sites.map(parseCidr);

  /** Picks a random CIDR: mostly inside one that was picked before, sometimes anywhere on the Internet. */
  const network = (): Cidr => {
    const outer = random() < 0.75 ? pick(known) : parseCidr(random() < 0.6 ? '0.0.0.0/2' : '2000::/3');
    const most = addressBitLength(outer.family);
    const room = most - outer.length;
    const inner = parseCidr(
      pickRandomCidrWithin(
        random,
        formatCidr(outer),
        room === 0 ? 0 : random() < 0.25 ? room : 1 + below(Math.min(room, 16)),
      ),
    );
    known.push(inner);
    return inner;
  };
  const cidrPeer = () => {
    const outer = network();
    const room = addressBitLength(outer.family) - outer.length;
    const except =
      room < 2 || random() > 0.15
        ? []
        : Array.from({ length: 1 + below(3) }, () =>
            pickRandomCidrWithin(random, formatCidr(outer), 1 + below(Math.min(room, 12))),
          );
    return { cidr: formatCidr(outer), except };
  };
  const portRanges = () =>
    Array.from({ length: 1 + below(3) }, () => {
      const from = random() < 0.5 ? 1 + below(1024) : 1024 + below(60_000);
      return random() < 0.5 ? { from } : { from, to: Math.min(65_535, from + 1 + below(4000)) };
    });
  const subject = () => {
    const kind = random();
    if (kind < 0.1) return { all: true as const };
    if (kind < 0.4) return { namespace: pick(namespaces) };
    if (kind < 0.6) return { selector: { matchLabels: { tier: pick(tiers) } } };
    return { selector: { matchLabels: { app: pick(apps) } } };
  };
  const protocol = (named: boolean) => {
    // A rule for anyone that says no protocol would leave nothing to those behind it.
    const kind = random() * (named ? 1 : 0.9);
    if (kind < 0.6) return { protocol: 'tcp' as const, ports: portRanges() };
    if (kind < 0.8) return { protocol: 'udp' as const, ports: portRanges() };
    if (kind < 0.83) return { protocol: 'sctp' as const, ports: portRanges() };
    if (kind < 0.9) return { protocol: 'icmp' as const, icmp: [{ type: pick([0, 3, 8, 11, 128, 129]) }] };
    return {};
  };
  /** True for each rule whose peers are CIDRs; the peers of the other rules are pods or empty. */
  const named = Array.from({ length: count }, () => random() < 0.85);
  const first = named.indexOf(true);
  const terms = named.map((is) => (is ? 1 : 0));
  const holders = named.flatMap((is, index) => (is ? [index] : []));
  for (let left = cidrs - holders.length; left > 0; left -= 1)
    terms[holders.length > 0 ? pick(holders) : first]! += 1;
  return ruleSetSchema.parse({
    name: 'generated',
    defaults: { ingress: 'deny', egress: 'allow' },
    rules: named.map((is, index) => ({
      name: `rule-${index}`,
      direction: pick<Direction>(['ingress', 'egress']),
      subject: subject(),
      peers: is
        ? Array.from({ length: terms[index]! }, cidrPeer)
        : random() < 0.5
          ? [{ pods: { matchLabels: { app: pick(apps) } } }]
          : [],
      ...protocol(is),
      action: pick(['allow', 'allow', 'allow', 'deny', 'deny', 'log'] as const),
      priority: 100 * below(20),
    })),
  });
}

/** Returns a random CIDR inside `range` whose prefix is `longer` bits longer. */
export function pickRandomCidrWithin(random: () => number, range: string, longer: number): string {
  const { family, address, length } = parseCidr(range);
  const bits = addressBitLength(family);
  let value = address;
  for (let bit = length; bit < length + longer; bit += 1)
    if (random() < 0.5) value |= 1n << BigInt(bits - bit - 1);
  return `${formatIpAddress({ family, value })}/${length + longer}`;
}

/** Counts the map elements that are written or deleted when one set of policy tables replaces another. */
export function countChangedMapElements(from: PolicyTables, to: PolicyTables): number {
  const diff = diffPolicyTables(from, to);
  return countMapElements(diff, 'put') + countMapElements(diff, 'remove');
}

/** Counts the map elements of a set of policy tables. */
export const countPolicyTableElements = (tables: PolicyTables): number =>
  countChangedMapElements(emptyPolicyTables, tables);
