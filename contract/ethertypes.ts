/**
 * Ethertypes with a name, by name, in host order (<linux/if_ether.h>, IEEE 802 numbers). `llc` are frames of IEEE 802.3
 * with a length in place of the type. This file has no schemas, so that browsers can load it alone.
 */
export const ethertypesByName: Readonly<Record<string, number>> = {
  llc: 0x0004,
  ipv4: 0x0800,
  arp: 0x0806,
  wol: 0x0842,
  vlan: 0x8100,
  ipv6: 0x86dd,
  lacp: 0x8809,
  mpls: 0x8847,
  'pppoe-discovery': 0x8863,
  pppoe: 0x8864,
  eapol: 0x888e,
  profinet: 0x8892,
  ethercat: 0x88a4,
  qinq: 0x88a8,
  lldp: 0x88cc,
  macsec: 0x88e5,
  ptp: 0x88f7,
};

/** Stands for every ethertype in the packet checks of a pod. */
export const anyEthertype = 'any';

/** Least ethertype; lower numbers are lengths of IEEE 802.3 frames. */
const leastEthertype = 0x0600;
const namesByEthertype = new Map(Object.entries(ethertypesByName).map(([name, type]) => [type, name]));

/** Formats an ethertype as four hexadecimal digits: `0x88cc`. */
export const formatEthertypeNumber = (type: number): string => `0x${type.toString(16).padStart(4, '0')}`;

/** Returns the name of an ethertype, e.g. `lldp`; the number as text if it has none. */
export const formatEthertype = (type: number): string =>
  type < leastEthertype ? 'llc' : (namesByEthertype.get(type) ?? formatEthertypeNumber(type));

/** Parses the name of an ethertype, or its number in hexadecimal such as `0x88cc`; null if the text is neither. */
export function parseEthertype(text: string): number | null {
  const word = text.toLowerCase();
  const named = Object.hasOwn(ethertypesByName, word) ? ethertypesByName[word] : undefined;
  if (named !== undefined) return named;
  const type = /^0x[0-9a-f]{1,4}$/.test(word) ? Number(word) : 0;
  return type >= leastEthertype ? type : null;
}
