import {
  addressBitLength,
  type Cidr,
  cidrContainsAddress,
  formatIpAddress,
  type IpAddress,
  parseAddress,
  parseCidr,
} from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';

/** Maximum number of addresses that are looked at for one container, since others may use any of them. */
const maxLooks = 65_536;
/** How long, in ms, an address is left out that the node or others have, and how many are remembered. */
const foreignMs = 60_000;
const maxForeign = 65_536;

/** Addresses that were set aside for a container, with prefix lengths /32 and /128. */
export interface ReservedAddresses {
  addresses: string[];
  /** Gives back what no pod has got. A pod's addresses are its own from then on. */
  release(): void;
}

/**
 * Gives out addresses of prefixes where no IPAM plugin is named. What is used is what pods have: nothing else is stored. It
 * goes through a prefix in rotation, so that an address rests before the next container gets it.
 */
export class AddressPool {
  readonly #isUsed: (address: string) => boolean;
  readonly #reserved = new Set<string>();
  /** Addresses that the node or others were found to have, with the time until which they are left out. */
  readonly #foreign = new Map<string, number>();
  readonly #last = new Map<string, bigint>();

  /** @param isUsed tells whether a pod has an address, given without prefix length */
  constructor(isUsed: (address: string) => boolean) {
    this.#isUsed = isUsed;
  }

  /** Leaves addresses out for a while, because the node or others have one of them. */
  avoid(addresses: readonly string[]): void {
    if (this.#foreign.size >= maxForeign) this.#foreign.clear();
    for (const address of addresses)
      this.#foreign.set(address.split('/', 1).join(''), performance.now() + foreignMs);
  }

  /**
   * Reserves an address of each family that has a prefix, or those that were asked for.
   * @throws ProblemError `no_address`, `address_in_use`, `unprocessable`
   */
  reserve(prefixes: readonly string[], requested: readonly string[]): ReservedAddresses {
    const cidrs = prefixes.map(parseCidr);
    const addresses: string[] = [];
    const release = (): void => {
      for (const address of addresses) this.#reserved.delete(address);
    };
    try {
      if (requested.length > 0)
        for (const text of requested) addresses.push(this.#reserveRequested(cidrs, text));
      else
        for (const family of [4, 6] as const) {
          const ofFamily = cidrs.filter((cidr) => cidr.family === family);
          if (ofFamily.length > 0) addresses.push(this.#reserveNext(ofFamily));
        }
    } catch (error) {
      release();
      throw error;
    }
    return { addresses: addresses.map((each) => `${each}/${each.includes(':') ? 128 : 32}`), release };
  }

  /** Counts the addresses of a prefix, and those that pods have. */
  count(prefix: string, used: readonly string[]): { used: number; size: number } {
    const cidr = parseCidr(prefix);
    const { first, last } = rangeOf(cidr);
    return {
      used: used.filter((address) => cidrContainsAddress(cidr, parseAddress(address))).length,
      size: Number(last - first) + 1,
    };
  }

  /** Tells whether a container could get an address of every family of the prefixes. Looks at pods only. */
  hasFree(prefixes: readonly string[], used: readonly string[]): boolean {
    const families = new Map<number, boolean>();
    for (const prefix of prefixes) {
      const { family } = parseCidr(prefix);
      const count = this.count(prefix, used);
      families.set(family, (families.get(family) ?? false) || count.used < count.size);
    }
    return families.size > 0 && [...families.values()].every((free) => free);
  }

  #reserveRequested(cidrs: readonly Cidr[], text: string): string {
    const parsed = parseRequested(text);
    const address = formatIpAddress(parsed);
    const what = `give out the address ${address}`;
    if (cidrs.length > 0 && !cidrs.some((cidr) => cidrContainsAddress(cidr, parsed)))
      throw new ProblemError('unprocessable', `${what}: it is not in the pool of the network`);
    if (this.#reserved.has(address) || this.#isUsed(address))
      throw new ProblemError('address_in_use', `${what}: another pod has it`);
    this.#reserved.add(address);
    return address;
  }

  #reserveNext(cidrs: readonly Cidr[]): string {
    for (const cidr of cidrs) {
      const found = this.#findFree(cidr);
      if (found !== null) return found;
    }
    const names = cidrs.map(
      ({ family, address, length }) => `${formatIpAddress({ family, value: address })}/${length}`,
    );
    throw new ProblemError('no_address', `give out an address: all of ${names.join(', ')} are in use`, {
      hint: 'Remove containers, or add a prefix to `pool` of the CNI configuration.',
    });
  }

  #findFree(cidr: Cidr): string | null {
    const { first, last } = rangeOf(cidr);
    const key = `${cidr.family} ${cidr.address}/${cidr.length}`;
    const size = last - first + 1n;
    const start = (this.#last.get(key) ?? last) + 1n;
    const looks = size > BigInt(maxLooks) ? maxLooks : Number(size);
    for (let look = 0; look < looks; look++) {
      const value = first + ((start - first + BigInt(look)) % size);
      const address = formatIpAddress({ family: cidr.family, value });
      if (this.#reserved.has(address) || this.#isForeign(address) || this.#isUsed(address)) continue;
      this.#reserved.add(address);
      this.#last.set(key, value);
      return address;
    }
    return null;
  }

  #isForeign(address: string): boolean {
    return (this.#foreign.get(address) ?? 0) > performance.now();
  }
}

/** Returns the first and last address that a pod can have: not the first and last of an IPv4 prefix, nor ::0. */
function rangeOf({ family, address, length }: Cidr): { first: bigint; last: bigint } {
  const bits = addressBitLength(family) - length;
  const end = address + (1n << BigInt(bits)) - 1n;
  if (bits < 2) return { first: address, last: end };
  return { first: address + 1n, last: family === 4 ? end - 1n : end };
}

function parseRequested(text: string): IpAddress {
  try {
    return parseAddress(text.split('/', 1).join(''));
  } catch (error) {
    throw new ProblemError('unprocessable', `give out the address ${text}: ${(error as Error).message}`);
  }
}
