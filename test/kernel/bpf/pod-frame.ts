import { encodeMacAddress } from '../../../server/bpf/address-encoding.ts';
import { ipv4Checksum, networkPacket, type Packet } from '../acl/packets.ts';
import { etherHeader } from './frames.ts';
import type { FixturePod } from './node-fixture.ts';

/**
 * Puts a packet on the wire as a pod does: with the MAC addresses of its device, and the checksum of IPv4.
 * @param padding number of bytes behind the packet's own, which its headers count too
 */
export function frameOfPod(sender: FixturePod, packet: Packet, padding = 0): Buffer {
  const isV4 = packet.source.family === 4;
  const network = Buffer.concat([networkPacket(packet), Buffer.alloc(padding)]);
  const lengthAt = isV4 ? 2 : 4;
  network.writeUInt16BE(network.readUInt16BE(lengthAt) + padding, lengthAt);
  const bytes = Buffer.concat([Buffer.alloc(etherHeader), network]);
  if (sender.macs)
    bytes.set([...encodeMacAddress(sender.macs.fromPod), ...encodeMacAddress(sender.macs.toPod)]);
  bytes.writeUInt16BE(isV4 ? 0x0800 : 0x86dd, 12);
  if (isV4) bytes.writeUInt16BE(ipv4Checksum(bytes.subarray(14, 34)), 24);
  return bytes;
}
