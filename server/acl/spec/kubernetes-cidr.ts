import { type Cidr, formatCidr, parseCidr } from '../../../contract/cidr.ts';

/** A CIDR of a NetworkPolicy. */
interface KubernetesCidr {
  cidr: Cidr;
  /** What a text means that can be read differently; null if it is plain. */
  ambiguous: string | null;
}

/** Number of bits before the IPv4 address in an IPv4-mapped IPv6 address. */
const mappedBits = 96;

/**
 * Parses a CIDR as the API server does (k8s.io/utils/net ParseCIDRSloppy): host bits are ignored, leading zeros are
 * decimal, and an IPv4-mapped IPv6 prefix is one of IPv4.
 * @throws RangeError
 */
export function parseKubernetesCidr(text: string): KubernetesCidr {
  const [, address = '', length] = /^([^/]*)\/(\d{1,9})$/.exec(text) ?? [];
  if (length === undefined)
    throw new RangeError(
      `not a CIDR: ${JSON.stringify(text)}; write an address, / and the length of the prefix`,
    );
  const plain = address.includes(':') ? address : address.replaceAll(/(?<=^|\.)0+(?=\d)/g, '');
  const written = parseCidr(`${plain}/${Number(length)}`);
  const cidr = toIpv4(written);
  const hasHostBits = parseCidr(plain).address !== written.address;
  const ambiguous = plain !== address || hasHostBits || cidr !== written;
  return { cidr, ambiguous: ambiguous ? `${text} means ${formatCidr(cidr)}` : null };
}

/** Returns the IPv4 prefix that an IPv4-mapped one (::ffff:0:0/96 and longer) stands for; other prefixes unchanged. */
function toIpv4(cidr: Cidr): Cidr {
  if (cidr.family === 4 || cidr.length < mappedBits || cidr.address >> 32n !== 0xffffn) return cidr;
  return { family: 4, address: cidr.address & 0xffff_ffffn, length: cidr.length - mappedBits };
}
