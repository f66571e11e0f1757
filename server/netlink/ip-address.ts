import { isIPv4, isIPv6 } from 'node:net';
import { MalformedNetlinkMessage } from './message.ts';

/** Address families AF_*, <linux/socket.h>. */
export const addressFamilies = { unspecified: 0, ipv4: 2, ipv6: 10 } as const;
export type IpFamily = 'ipv4' | 'ipv6';

export const detectIpFamily = (address: string): IpFamily => {
  if (isIPv4(address)) return 'ipv4';
  if (isIPv6(address) && !address.includes('%')) return 'ipv6';
  throw new RangeError(`not an IP address: ${JSON.stringify(address)}`);
};

export const decodeIpFamily = (number: number): IpFamily | null =>
  number === addressFamilies.ipv4 ? 'ipv4' : number === addressFamilies.ipv6 ? 'ipv6' : null;

/** Encodes an IP address as 4 or 16 bytes in network byte order. @throws RangeError if the text is no IP address */
export function ipAddressToBytes(address: string): Uint8Array {
  if (detectIpFamily(address) === 'ipv4') return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail] = withoutDottedEnd(address).split('::');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

/** Rewrites the dotted end of an IPv6 address in hexadecimal: `::ffff:1.2.3.4` becomes `::ffff:102:304`. */
const withoutDottedEnd = (address: string): string =>
  address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [(+a << 8) | +b, (+c << 8) | +d].map((group) => group.toString(16)).join(':'),
  );

/** Formats 4 or 16 bytes as an IP address (RFC 5952). @throws MalformedNetlinkMessage for any other length */
export function formatIpAddressBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new MalformedNetlinkMessage(`IP address of ${bytes.length} bytes`);
  const view = Buffer.from(bytes);
  const words = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(2 * i));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff)
    return `::ffff:${bytes.subarray(12).join('.')}`;
  const [start, length] = longestZeros(words);
  const hex = words.map((word) => word.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

const longestZeros = (words: number[]): [start: number, length: number] => {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
  }
  return best;
};

export interface IpPrefix {
  address: string;
  length: number;
}

/** Parses a prefix such as `10.42.0.0/24`; an address without a length is a host prefix. @throws RangeError */
export function parseIpPrefix(text: string): IpPrefix {
  const [address = '', bits, ...rest] = text.split('/');
  const most = detectIpFamily(address) === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? most : Number(bits);
  if (rest.length > 0 || bits === '' || !Number.isInteger(length) || length < 0 || length > most)
    throw new RangeError(`not an IP prefix: ${JSON.stringify(text)}`);
  return { address, length };
}

/** Encodes a MAC address such as `02:00:5e:10:00:01` as 6 bytes. @throws RangeError if the text is no MAC address */
export function macAddressToBytes(mac: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac))
    throw new RangeError(`not a MAC address: ${JSON.stringify(mac)}`);
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}

export const formatMacAddress = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
