/** An IP address as a number; `value` has 32 or 128 bits, the first byte of the address highest. */
export interface IpAddress {
  family: 4 | 6;
  value: bigint;
}

/** A CIDR; `address` is the first address, so all bits after the prefix length are zero. */
export interface Cidr {
  family: 4 | 6;
  address: bigint;
  length: number;
}

export const addressBitLength = (family: 4 | 6): 32 | 128 => (family === 4 ? 32 : 128);

/** Returns true if the text is an IPv6 address or CIDR rather than an IPv4 one. */
export const isIpv6Text = (text: string): boolean => text.includes(':');

const decimal = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Parses an IPv4 or IPv6 address without zone and port. @throws RangeError if the text is not an address */
export function parseAddress(text: string): IpAddress {
  const bytes = decimal.exec(text);
  if (bytes) {
    const [a, b, c, d] = [Number(bytes[1]), Number(bytes[2]), Number(bytes[3]), Number(bytes[4])];
    if (a < 256 && b < 256 && c < 256 && d < 256)
      return { family: 4, value: BigInt(a * 2 ** 24 + (b << 16) + (c << 8) + d) };
  } else if (/^[0-9a-fA-F:.]+$/.test(text) && text.includes(':')) {
    const host = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
    if (host !== undefined) return { family: 6, value: groupsValue(host) };
  }
  throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
}

/** Decodes a canonical IPv6 address of hexadecimal groups with at most one `::`. */
function groupsValue(host: string): bigint {
  const [head = '', tail] = host.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return BigInt(`0x${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')}`);
}

/** Formats an IP address as `ip` does; IPv6 follows RFC 5952. */
export function formatIpAddress({ family, value }: IpAddress): string {
  if (family === 4) {
    const bits = Number(value);
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  const groups = value.toString(16).padStart(32, '0').match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/**
 * Parses `10.0.0.0/8`; a text without a length is a single address. Host bits may be set and are cleared.
 * @throws RangeError
 */
export function parseCidr(text: string): Cidr {
  const [, before = '', after] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const { family, value } = parseAddress(before);
  const bits = addressBitLength(family);
  const length = after === undefined ? bits : Number(after);
  if (length > bits)
    throw new RangeError(
      `not an IP prefix: ${JSON.stringify(text)}; an address has ${bits} bits in this family`,
    );
  const host = BigInt(bits - length);
  return { family, address: (value >> host) << host, length };
}

export const formatCidr = ({ family, address, length }: Cidr): string =>
  `${formatIpAddress({ family, value: address })}/${length}`;

/** Returns true if all addresses of `inner` are in `outer`. */
export function cidrContainsCidr(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  return (outer.address ^ inner.address) >> BigInt(addressBitLength(outer.family) - outer.length) === 0n;
}

/** Returns true if the CIDR contains the address. */
export function cidrContainsAddress(cidr: Cidr, { family, value }: IpAddress): boolean {
  return cidrContainsCidr(cidr, { family, address: value, length: addressBitLength(family) });
}
