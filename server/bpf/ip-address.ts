import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** `10.42.0.33` to four bytes in network order. @throws RangeError */
export function address4Bytes(text: string): number[] {
  if (!isIPv4(text)) throw new RangeError(`not an IPv4 address: ${text}`);
  return text.split('.').map(Number);
}

/** `fd00::1` to sixteen bytes in network order. @throws RangeError */
export function address6Bytes(text: string): number[] {
  if (!isIPv6(text) || text.includes('%')) throw new RangeError(`not an IPv6 address: ${text}`);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = address4Bytes(dotted[2]!);
    return address6Bytes(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = [], tail = []] = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const words = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return words.map((word) => Number.parseInt(word, 16)).flatMap((word) => [word >> 8, word & 255]);
}

/** Four bytes as `10.42.0.33`, sixteen as RFC 5952 writes them. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Buffer.from(bytes).toString('hex').match(/.{4}/g)!;
  return new SocketAddress({ address: words.join(':'), family: 'ipv6' }).address;
}

/** `02:70:6c:00:00:01` to six bytes. @throws RangeError */
export function macBytes(text: string): number[] {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`);
  return text.split(':').map((byte) => Number.parseInt(byte, 16));
}

export const macText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
