import { addressBitLength, type Cidr, cidrContainsCidr, formatCidr } from '../../../contract/cidr.ts';

/** A CIDR with excluded parts, like ipBlock of a NetworkPolicy. */
export interface IpBlock {
  cidr: Cidr;
  except: readonly Cidr[];
}

interface ClassifiedPrefix {
  /** CIDR text of the prefix. */
  key: string;
  prefix: Cidr;
  /** Index of the prefix's address class in `classes`. */
  class: number;
}

/** Address classes: all addresses of a class are in the same peer sets. */
interface AddressClasses {
  /** Ascending peer set numbers of each class; addresses of class 0 are in no peer set. */
  classes: (readonly number[])[];
  prefixes: ClassifiedPrefix[];
}

/** A prefix at which IP blocks begin or are excluded. */
interface BlockBoundary {
  key: string;
  prefix: Cidr;
  begins: number[];
  ends: number[];
}

/** Prefix of all IPv4 addresses; the LPM trie holds it as ::ffff:0:0/96. */
const root4: Cidr = { family: 4, address: 0n, length: 0 };
const root4In6: Cidr = { family: 6, address: 0xffffn << 32n, length: 96 };

/**
 * Classifies addresses by the peer sets that they are in. Addresses with the same longest prefix are in the same sets.
 * A prefix is left out when it has the class of the next shorter one, or when longer ones fill it.
 * @param sets blocks by number of the peer set
 */
export function groupAddressesByPeerSets(sets: ReadonlyMap<number, readonly IpBlock[]>): AddressClasses {
  const boundaries = new Map<string, BlockBoundary>();
  const boundaryAt = (prefix: Cidr): BlockBoundary => {
    const key = formatCidr(prefix);
    const known = boundaries.get(key) ?? { key, prefix, begins: [], ends: [] };
    boundaries.set(key, known);
    return known;
  };
  /** Peer set number of each IP block. */
  const setOf: number[] = [];
  for (const [set, blocks] of sets)
    for (const { cidr, except } of blocks) {
      const block = setOf.push(set) - 1;
      boundaryAt(cidr).begins.push(block);
      for (const part of except) boundaryAt(part).ends.push(block);
    }
  boundaryAt(root4);

  const sorted = [...boundaries.values()].sort(compareBoundaries);
  const filled = findFilled(sorted);
  const classes = new ClassIds();
  const prefixes: ClassifiedPrefix[] = [];
  const enclosing: { prefix: Cidr; blocks: readonly number[]; class: number }[] = [];
  let classOfRoot4 = 0;
  for (const boundary of sorted) {
    const { key, prefix, begins, ends } = boundary;
    let parent = enclosing.at(-1);
    while (parent && !cidrContainsCidr(parent.prefix, prefix)) {
      enclosing.pop();
      parent = enclosing.at(-1);
    }
    const inherited = parent?.class ?? (prefix.family === 4 ? classOfRoot4 : 0);
    const blocks = [...(parent?.blocks ?? []).filter((block) => !ends.includes(block)), ...begins];
    const found = filled.has(boundary) ? inherited : classes.of(blocks.map((block) => setOf[block] ?? 0));
    enclosing.push({ prefix, blocks, class: found });
    if (cidrContainsCidr(prefix, root4In6)) classOfRoot4 = found;
    if (found !== inherited) prefixes.push({ key, prefix, class: found });
  }
  return { classes: classes.all, prefixes };
}

/** Returns the boundaries whose prefix is completely filled by longer prefixes. */
function findFilled(sorted: readonly BlockBoundary[]): Set<BlockBoundary> {
  const filled = new Set<BlockBoundary>();
  const enclosing: { boundary: BlockBoundary; covered: bigint }[] = [];
  const size = ({ family, length }: Cidr): bigint => 1n << BigInt(addressBitLength(family) - length);
  for (const boundary of sorted) {
    let parent = enclosing.at(-1);
    while (parent && !cidrContainsCidr(parent.boundary.prefix, boundary.prefix)) {
      enclosing.pop();
      parent = enclosing.at(-1);
    }
    if (parent) {
      parent.covered += size(boundary.prefix);
      if (parent.covered === size(parent.boundary.prefix)) filled.add(parent.boundary);
    }
    enclosing.push({ boundary, covered: 0n });
  }
  return filled;
}

/**
 * Compares prefixes: IPv6 first, because an IPv6 prefix may cover all of IPv4; then by address; then shorter prefixes
 * first.
 */
function compareBoundaries({ prefix: a }: BlockBoundary, { prefix: b }: BlockBoundary): number {
  if (a.family !== b.family) return b.family - a.family;
  if (a.address !== b.address) return a.address < b.address ? -1 : 1;
  return a.length - b.length;
}

class ClassIds {
  readonly all: (readonly number[])[] = [[]];
  readonly #ids = new Map<string, number>([['', 0]]);

  of(sets: readonly number[]): number {
    const sorted = [...new Set(sets)].sort((a, b) => a - b);
    const key = sorted.join();
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.all.length);
    return this.all.push(sorted) - 1;
  }
}

/** Returns the IP block that consists of a single address. */
export const toIpBlock = (family: 4 | 6, address: bigint): IpBlock => ({
  cidr: { family, address, length: addressBitLength(family) },
  except: [],
});
