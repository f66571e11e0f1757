import { hostAddress, hostMac, podAddress, podMac } from './device-fixture.ts';

export const etherHeader = 14;
const mac = (text: string): number[] => text.split(':').map((byte) => Number.parseInt(byte, 16));
const ip4 = (text: string): number[] => text.split('.').map(Number);

/** A frame from the pod to the host; `payload` is the network packet. */
export function ethernet(type: number, payload: Buffer): Buffer {
  return Buffer.from([...mac(hostMac), ...mac(podMac), type >> 8, type & 255, ...payload]);
}

/** The same, the other way. */
export function ethernetToPod(type: number, payload: Buffer): Buffer {
  return Buffer.from([...mac(podMac), ...mac(hostMac), type >> 8, type & 255, ...payload]);
}

export interface Ipv4 {
  source?: string;
  destination?: string;
  version?: number;
  /** Header length in words of 4 bytes, as the header says. */
  ihl?: number;
  /** Length as the header says. */
  total?: number;
  /** Bytes after the header. */
  payload?: number;
}

/** A packet that nobody answers: of an experimental protocol, to a multicast group. */
export function ipv4(fields: Ipv4 = {}): Buffer {
  const payload = fields.payload ?? 20;
  const packet = Buffer.alloc(20 + payload);
  packet[0] = ((fields.version ?? 4) << 4) | (fields.ihl ?? 5);
  packet.writeUInt16BE(fields.total ?? packet.length, 2);
  packet[8] = 64;
  packet[9] = 253; // a protocol for experiments (RFC 3692)
  packet.set(ip4(fields.source ?? podAddress), 12);
  packet.set(ip4(fields.destination ?? '239.1.1.1'), 16);
  return packet;
}

export interface Ipv6 {
  source?: number[];
  version?: number;
  payloadLength?: number;
}

export function ipv6(fields: Ipv6 = {}): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = (fields.version ?? 6) << 4;
  packet.writeUInt16BE(fields.payloadLength ?? 8, 4);
  packet[6] = 253;
  packet.set(fields.source ?? [], 8);
  packet.set([0xff, 0x02], 24);
  return packet;
}

/** An ICMP echo request of the pod to the host, which answers it: 8 bytes of ICMP, 28 in all. */
export function echoRequest(): Buffer {
  const packet = Buffer.concat([
    ipv4({ destination: hostAddress, payload: 0, total: 28 }),
    Buffer.from([8, 0, 0xf7, 0xff, 0, 0, 0, 0]),
  ]);
  packet[9] = 1;
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  return packet;
}

/** The Internet checksum (RFC 1071). */
export function checksum(header: Buffer): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
