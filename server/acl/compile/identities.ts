import { addressBits, type Cidr, cidrText, covers } from '../../../contract/cidr.ts';

/** A range of addresses without the parts in `except`. A set of peers has several. */
export interface Range {
  cidr: Cidr;
  except: readonly Cidr[];
}

export interface ClassedPrefix {
  /** As `cidrText` writes it. */
  key: string;
  prefix: Cidr;
  /** Index in `classes`. */
  class: number;
}

export interface Classes {
  /** The sets of peers, as ascending numbers, that an address can be in; the first one: none. */
  classes: (readonly number[])[];
  prefixes: ClassedPrefix[];
}

interface Mark {
  key: string;
  prefix: Cidr;
  begins: number[];
  ends: number[];
}

/** IPv4 is a part of the trie’s IPv6: ::ffff:0:0/96. */
const root4: Cidr = { family: 4, address: 0n, length: 0 };
const root4In6: Cidr = { family: 6, address: 0xffffn << 32n, length: 96 };

/**
 * Sorts addresses by the sets of peers that they are in. All whose longest prefix is the same are in the same sets;
 * a prefix of the class that the next shorter one has is left out, and one that longer ones fill.
 * @param sets ranges by number of the set
 */
export function classify(sets: ReadonlyMap<number, readonly Range[]>): Classes {
  const marks = new Map<string, Mark>();
  const mark = (prefix: Cidr): Mark => {
    const key = cidrText(prefix);
    const known = marks.get(key) ?? { key, prefix, begins: [], ends: [] };
    marks.set(key, known);
    return known;
  };
  /** The set that each range belongs to. */
  const setOf: number[] = [];
  for (const [set, ranges] of sets)
    for (const { cidr, except } of ranges) {
      const range = setOf.push(set) - 1;
      mark(cidr).begins.push(range);
      for (const part of except) mark(part).ends.push(range);
    }
  mark(root4);

  const sorted = [...marks.values()].sort(byPlace);
  const hidden = findHidden(sorted);
  const classes = new ClassNumbers();
  const prefixes: ClassedPrefix[] = [];
  const above: { prefix: Cidr; ranges: readonly number[]; class: number }[] = [];
  let under4 = 0;
  for (const mark of sorted) {
    const { key, prefix, begins, ends } = mark;
    while (above.length > 0 && !covers(above.at(-1)!.prefix, prefix)) above.pop();
    const parent = above.at(-1);
    const inherited = parent?.class ?? (prefix.family === 4 ? under4 : 0);
    const ranges = [...(parent?.ranges ?? []).filter((range) => !ends.includes(range)), ...begins];
    const found = hidden.has(mark) ? inherited : classes.of(ranges.map((range) => setOf[range]!));
    above.push({ prefix, ranges, class: found });
    if (covers(prefix, root4In6)) under4 = found;
    if (found !== inherited) prefixes.push({ key, prefix, class: found });
  }
  return { classes: classes.all, prefixes };
}

/** Prefixes that are the longest of no address, since longer ones fill them. */
function findHidden(sorted: readonly Mark[]): Set<Mark> {
  const hidden = new Set<Mark>();
  const above: { mark: Mark; filled: bigint }[] = [];
  const size = ({ family, length }: Cidr): bigint => 1n << BigInt(addressBits(family) - length);
  for (const mark of sorted) {
    while (above.length > 0 && !covers(above.at(-1)!.mark.prefix, mark.prefix)) above.pop();
    const parent = above.at(-1);
    if (parent) {
      parent.filled += size(mark.prefix);
      if (parent.filled === size(parent.mark.prefix)) hidden.add(parent.mark);
    }
    above.push({ mark, filled: 0n });
  }
  return hidden;
}

/** IPv6 first, since it may go on under IPv4's root; then by address, shorter ones first. */
function byPlace({ prefix: a }: Mark, { prefix: b }: Mark): number {
  if (a.family !== b.family) return b.family - a.family;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.length - b.length;
}

class ClassNumbers {
  readonly all: (readonly number[])[] = [[]];
  readonly #numbers = new Map<string, number>([['', 0]]);

  of(sets: readonly number[]): number {
    const sorted = [...new Set(sets)].sort((a, b) => a - b);
    const key = sorted.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.all.length);
    return this.all.push(sorted) - 1;
  }
}

/** A pod's address as a range of its own. */
export const single = (family: 4 | 6, address: bigint): Range => ({
  cidr: { family, address, length: addressBits(family) },
  except: [],
});
