/** Interface texts of a pod's packet checks. */
export const checksText = {
  title: 'Packet checks',
  change: 'Change…',
  source: 'source check',
  strict: 'strict: the pod’s addresses only',
  strictWithPrefixes: 'strict: the pod’s addresses and these prefixes',
  off: 'off: any source address passes',
  prefixes: 'source prefixes',
  ethertypes: 'other frames',
  noEthertypes: 'none: only IP and ARP pass',
  lostColumn: 'Source or ethertype',
  direction: 'Direction',
  packets: 'Packets seen',
  lastSeen: 'Last seen',
  nothingLost: 'Nothing was lost by these checks since the pod was attached.',
  counted: (sources: string, frames: string) =>
    `${sources} packets with other sources and ${frames} other frames were dropped since the pod was attached. The table has those that are still in the verdict log.`,
  gone: 'The pod is gone.',
  sheetTitle: 'Packet checks',
  sheetDescription:
    'Sources that the pod may send from, and frames other than IP that it may send and receive. They apply to the next packet.',
  mode: 'Source check',
  modes: [
    ['strict', 'Strict'],
    ['off', 'Off: any source address'],
  ] as const,
  prefixesField: 'Source prefixes',
  prefixesHint:
    'Separate CIDRs by spaces, for example 10.8.0.0/24 of a VPN in the pod. The host needs a route to them.',
  ethertypesField: 'Other frames',
  ethertypesHint:
    'Separate names or numbers by spaces: vlan, qinq, lldp, ptp, pppoe, 0x88b5. Access rules do not see these frames.',
  offWarning: 'Without a source check the pod can send packets in the name of other pods.',
  save: 'Save',
  notSaved: 'The packet checks were not changed',
};
