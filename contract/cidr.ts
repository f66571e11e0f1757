/** An IP address; `value` has 32 or 128 bits in network order. */
export interface Address {
  family: 4 | 6;
  value: bigint;
}

/** A CIDR; `address` is its first address, so the bits after `length` are zero. */
export interface Cidr {
  family: 4 | 6;
  address: bigint;
  length: number;
}

export const addressBitLength = (family: 4 | 6): 32 | 128 => (family === 4 ? 32 : 128);

/** Returns true for the text of an IPv6 address or prefix, false for IPv4. */
export const isIpv6Text = (text: string): boolean => text.includes(':');

const decimal = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;

/** Parses an IPv4 or IPv6 address without zone or port. @throws RangeError */
export function parseAddress(text: string): Address {
  if (decimal.test(text)) {
    const bytes = text.split('.').map(Number);
    if (bytes.every((byte) => byte < 256))
      return { family: 4, value: bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) };
  } else if (/^[0-9a-fA-F:.]+$/.test(text) && text.includes(':')) {
    const host = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
    if (host !== undefined) return { family: 6, value: groupsValue(host) };
  }
  throw new RangeError(`not an IP address: ${JSON.stringify(text)}`);
}

/** Decodes IPv6 text in the canonical form of URLs: hexadecimal groups, `::` at most once. */
function groupsValue(host: string): bigint {
  const [head = '', tail] = host.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return BigInt(`0x${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('')}`);
}

/** Formats an address as RFC 5952 and `ip` do. */
export function formatIpAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
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

/** Returns whether every address of `inner` is in `outer`. */
export function cidrContainsCidr(outer: Cidr, inner: Cidr): boolean {
  if (outer.family !== inner.family || outer.length > inner.length) return false;
  return (outer.address ^ inner.address) >> BigInt(addressBitLength(outer.family) - outer.length) === 0n;
}

/** Returns whether the address is in the range. */
export function cidrContainsAddress(cidr: Cidr, { family, value }: Address): boolean {
  return cidrContainsCidr(cidr, { family, address: value, length: addressBitLength(family) });
}
