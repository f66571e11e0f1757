import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  buildDefaultEntriesTree,
  defaultEntriesLabel,
  emitPortPrefixes,
  getAnyProtocolLabel,
  getDecidingRuleOrder,
  type PortLabel,
  PortPrefixSplitter,
  toPortLabel,
} from '../../../server/acl/compile/port-prefixes.ts';
import {
  buildPortRuns,
  buildPortTree,
  createPortLeaf,
  type PortClaim,
  type PortRuns,
  type PortTree,
} from '../../../server/acl/compile/port-ranges.ts';
import {
  buildDefaultEntriesTrees,
  buildProtocolPortRuns,
  mapProtocolGroups,
  portProtocols,
} from '../../../server/acl/compile/protocol-ports.ts';

interface Prefix {
  port: number;
  length: number;
  label: PortLabel;
}

const bits = 3;
const size = 1 << bits;

/** Even rules belong to the list and odd ones to the default entries, in an arbitrary evaluation order. */
const claims = (parity: 0 | 1) =>
  fc
    .array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.nat(3), fc.boolean()), { maxLength: 4 })
    .map((drawn) =>
      drawn
        .map(
          ([a, b, order, log]): PortClaim => ({
            from: Math.min(a, b),
            to: Math.max(a, b),
            order: 2 * order + parity,
            log,
          }),
        )
        .sort((a, b) => a.order - b.order)
        .filter(({ order }, index, all) => order !== all[index - 1]?.order),
    );

function at(tree: PortTree, port: number, bit = bits - 1): PortTree {
  if (!tree.low || !tree.high) return tree;
  return at((port >> bit) & 1 ? tree.high : tree.low, port, bit - 1);
}

/** What each port may be said to have. */
function allowed(own: PortTree, base: PortTree | null): PortLabel[][] {
  return Array.from({ length: size }, (_, port) => {
    const [mine, other] = [at(own, port), base && at(base, port)];
    if (!other) return [toPortLabel(mine)];
    const label = toPortLabel(
      createPortLeaf(Math.min(mine.decides, other.decides), Math.min(mine.logs, other.logs)),
    );
    return label === toPortLabel(other) ? [label, defaultEntriesLabel] : [label];
  });
}

function said(prefixes: readonly Prefix[], port: number, inherited: PortLabel): PortLabel {
  const matching = prefixes.filter(({ port: first, length }) => (port ^ first) >> (bits - length) === 0);
  return matching.sort((a, b) => b.length - a.length)[0]?.label ?? inherited;
}

/** Whether `count` prefixes can say it: every choice of prefixes and labels is tried. */
function possible(count: number, wanted: readonly PortLabel[][], inherited: PortLabel): boolean {
  const labels = [...new Set(wanted.flat())];
  const places = Array.from({ length: bits + 1 }, (_, length) =>
    Array.from({ length: 1 << length }, (_, index) => ({ port: index << (bits - length), length })),
  ).flat();
  const choose = (from: number, chosen: Prefix[]): boolean => {
    if (chosen.length === count)
      return wanted.every((labels, port) => labels.includes(said(chosen, port, inherited)));
    for (let index = from; index < places.length; index += 1)
      for (const label of labels)
        if (choose(index + 1, [...chosen, { ...places[index]!, label }])) return true;
    return false;
  };
  return choose(0, []);
}

const split = (own: PortRuns, base: PortTree | null, of = bits) =>
  new PortPrefixSplitter().split(own, base && buildDefaultEntriesTree(base), of);

function found(own: PortRuns, base: PortTree | null, inherited: PortLabel): Prefix[] {
  const prefixes: Prefix[] = [];
  emitPortPrefixes(
    split(own, base),
    inherited,
    (port, length, label) => prefixes.push({ port, length, label }),
    bits,
  );
  return prefixes;
}

describe('ports are split into the fewest prefixes', () => {
  test('at each port the first rule that claims it decides', () => {
    fc.assert(
      fc.property(claims(0), (all) => {
        const tree = buildPortTree(buildPortRuns(all, bits), bits);
        for (let port = 0; port < size; port += 1) {
          const there = all.filter(({ from, to }) => port >= from && port <= to);
          const first = (log: boolean) => there.find((claim) => claim.log === log)?.order ?? 16_383;
          expect(toPortLabel(at(tree, port))).toBe(toPortLabel(createPortLeaf(first(false), first(true))));
        }
      }),
    );
  });

  test.each([
    ['with nothing to pass on to', false],
    ['beside a base', true],
  ])('%s, none can be spared: every choice of fewer is tried', (_, withBase) => {
    fc.assert(
      fc.property(claims(0), claims(1), (mine, others) => {
        const own = buildPortRuns(mine, bits);
        const base = withBase ? buildPortTree(buildPortRuns(others, bits), bits) : null;
        const inherited = defaultEntriesLabel;
        const wanted = allowed(buildPortTree(own, bits), base);
        const prefixes = found(own, base, inherited);
        for (let port = 0; port < size; port += 1)
          expect(wanted[port]).toContain(said(prefixes, port, inherited));
        // Four of fifteen prefixes with several labels each are as many as can be tried in a moment.
        if (prefixes.length > 0 && prefixes.length <= 4)
          expect(possible(prefixes.length - 1, wanted, inherited)).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  test('ports 1 to 65,534 take three nested prefixes, where disjoint ones would be 30', () => {
    const own = buildPortRuns([{ from: 1, to: 65_534, order: 0, log: false }]);
    const count = (base: PortTree | null, inherited: PortLabel): number => {
      let prefixes = 0;
      emitPortPrefixes(split(own, base, 16), inherited, () => {
        prefixes += 1;
      });
      return prefixes;
    };
    // One for all, and one for each end: nested prefixes do what 30 disjoint ones did.
    expect(count(null, defaultEntriesLabel)).toBe(3);
    expect(
      count(
        buildPortTree(buildPortRuns([{ from: 0, to: 65_535, order: 1, log: false }])),
        defaultEntriesLabel,
      ),
    ).toBe(3);
    expect(count(buildPortTree(buildPortRuns([])), defaultEntriesLabel)).toBe(3);
  });

  test('a list has entries only where its rules change the decision, and one for all protocols', () => {
    const claims = (protocol: 'any' | 'tcp', order: number) => ({
      protocol,
      claims: [{ from: 0, to: 65_535, order, log: false }],
    });
    const entries = (own: ReturnType<typeof claims>, base: ReturnType<typeof claims>): string[] => {
      const runs = (rule: typeof own) =>
        mapProtocolGroups((protocol) => buildProtocolPortRuns([rule], protocol));
      const [mine, below] = [runs(own), buildDefaultEntriesTrees(runs(base))];
      const splitter = new PortPrefixSplitter();
      const label = getAnyProtocolLabel(splitter.split(mine.other, below.other));
      const text = (label: PortLabel) =>
        label === defaultEntriesLabel ? 'pass' : getDecidingRuleOrder(label);
      const lines = label === defaultEntriesLabel ? [] : [`any ${text(label)}`];
      for (const protocol of portProtocols)
        emitPortPrefixes(splitter.split(mine[protocol], below[protocol]), label, (port, length, each) =>
          lines.push(`${protocol} ${port}/${length} ${text(each)}`),
        );
      return lines;
    };
    expect(entries(claims('any', 1), claims('tcp', 0))).toEqual(['any 1', 'tcp 0/0 0']);
    expect(entries(claims('tcp', 1), claims('any', 2))).toEqual(['tcp 0/0 1']);
    expect(entries(claims('tcp', 1), claims('any', 0))).toEqual([]);
  });
});
