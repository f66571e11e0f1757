import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Encodes an IPv4 address as four bytes in network byte order. @throws RangeError if the text is no IPv4 address */
export function encodeIpv4Address(text: string): number[] {
  if (!isIPv4(text)) throw new RangeError(`not an IPv4 address: ${text}`);
  return text.split('.').map(Number);
}

/** Encodes an IPv6 address as sixteen bytes in network byte order. @throws RangeError if the text is no IPv6 address */
export function encodeIpv6Address(text: string): number[] {
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`not an IPv6 address: ${text}`);
  const [, prefix, dotted] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? [];
  if (prefix !== undefined && dotted !== undefined) {
    const [a = 0, b = 0, c = 0, d = 0] = encodeIpv4Address(dotted);
    return encodeIpv6Address(`${prefix}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = [], tail = []] = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const words = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return words.map((word) => Number.parseInt(word, 16)).flatMap((word) => [word >> 8, word & 255]);
}

/** Formats four bytes as an IPv4 address and sixteen bytes as an IPv6 address (RFC 5952). */
export function decodeIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? [];
  return new SocketAddress({ address: words.join(':'), family: 'ipv6' }).address;
}

/** Encodes a MAC address such as `02:70:6c:00:00:01` as six bytes. @throws RangeError if the text is no MAC address */
export function encodeMacAddress(text: string): number[] {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`);
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}

export const decodeMacAddress = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
