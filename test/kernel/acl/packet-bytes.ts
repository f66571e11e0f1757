import { parseAddress, parseCidr } from '../../../contract/cidr.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { PolicyPacket } from '../../../server/acl/spec/policy-packet.ts';
import { type Packet, tcp } from './packets.ts';

/** Of a pod that has none of the family. */
const elsewhere = { 4: parseAddress('198.51.100.9'), 6: parseAddress('fd42::9999') };

/** Converts an evaluated packet to the first packet of its connection on the wire. */
export function wire({ direction, peer, protocol, port }: PolicyPacket, pod: SelectablePod): Packet {
  const found = pod.addresses.map((text) => parseCidr(text)).find(({ family }) => family === peer.family);
  const own = found ? { family: found.family, value: found.address } : elsewhere[peer.family];
  const [source, destination] = direction === 'egress' ? [own, peer] : [peer, own];
  return {
    source,
    destination,
    protocol,
    ...([6, 17, 132].includes(protocol)
      ? { sourcePort: 40_000, destinationPort: port, tcpFlags: tcp.syn }
      : {}),
    ...(protocol === 1 || protocol === 58 ? { icmp: { type: port >> 8, code: port & 255 } } : {}),
  };
}

/** Returns whether a packet is exempt from rules, or cannot be sent as it is. */
export const isOutside = ({ peer, protocol, port }: PolicyPacket): boolean =>
  (peer.family === 6 && protocol === 0) ||
  (peer.family === 6 && protocol === 58 && [130, 131, 132, 143].includes(port >> 8));

/** Returns whether a packet is an ICMP error, which passes only for known connections (RFC 792, RFC 4443). */
export const isIcmpError = ({ peer, protocol, port }: PolicyPacket): boolean =>
  peer.family === 4
    ? protocol === 1 && [3, 4, 5, 11, 12].includes(port >> 8)
    : protocol === 58 && port >> 8 >= 1 && port >> 8 <= 4;
