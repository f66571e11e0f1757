import type { NatRule } from '../../../contract/observed-path.ts';
import { formatIpAddressBytes } from '../../netlink/ip-address.ts';

/**
 * Targets and matches of x_tables, as iptables-legacy has them and nftables where iptables-nft uses them. Integers are in the
 * byte order of the machine except addresses and the ports of NAT.
 */

/** Flags NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED, <linux/netfilter/nf_nat.h>. */
const rangeFlags = { addresses: 1, ports: 2 } as const;

/** A target of x_tables by name; null if it does not translate. */
export function parseXtTarget(
  name: string,
  revision: number,
  info: Buffer,
  family: 'ipv4' | 'ipv6',
): { action: NatRule['action']; to: NatRule['to'] } | null {
  if (name === 'MASQUERADE') return { action: 'masquerade', to: null };
  const action = ({ DNAT: 'dnat', SNAT: 'snat', REDIRECT: 'redirect' } as const)[name];
  if (action === undefined) return null;
  const isCompat = family === 'ipv4' && (revision === 0 || (action === 'redirect' && info.length < 40));
  return { action, to: isCompat ? parseIpv4Range(info) : parseRange(info, family) };
}

/** struct nf_nat_ipv4_multi_range_compat: u32 count, then u32 flags, two addresses and two ports. */
function parseIpv4Range(info: Buffer): NatRule['to'] {
  if (info.length < 20) return null;
  const flags = info.readUInt32LE(4);
  return {
    address: flags & rangeFlags.addresses ? formatIpAddressBytes(info.subarray(8, 12)) : null,
    port: flags & rangeFlags.ports ? info.readUInt16BE(16) : null,
  };
}

/** struct nf_nat_range and nf_nat_range2: u32 flags, two addresses of 16 bytes, two ports. */
function parseRange(info: Buffer, family: 'ipv4' | 'ipv6'): NatRule['to'] {
  if (info.length < 40) return null;
  const flags = info.readUInt32LE(0);
  return {
    address:
      flags & rangeFlags.addresses
        ? formatIpAddressBytes(info.subarray(4, family === 'ipv4' ? 8 : 20))
        : null,
    port: flags & rangeFlags.ports ? info.readUInt16BE(36) : null,
  };
}

/**
 * Parses a match of x_tables. @returns the destination port of `tcp` and `udp`, or a condition as text; nothing for what is no
 * condition
 */
export function parseXtMatch(name: string, info: Buffer): { port: string } | { condition: string } | null {
  if (name === 'comment') return null;
  if ((name === 'tcp' || name === 'udp') && info.length >= 8) {
    const [first, last] = [info.readUInt16LE(4), info.readUInt16LE(6)];
    if (first === 0 && last === 0xffff) return null;
    return { port: first === last ? String(first) : `${first}-${last}` };
  }
  if (name === 'addrtype') return { condition: 'an address of the node' };
  return { condition: name };
}
