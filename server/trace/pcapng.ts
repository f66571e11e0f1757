/** Encodes the pcapng format (draft-ietf-opsawg-pcapng): little endian, one section, any number of interfaces, times in ns. */

const blocks = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const byteOrderMagic = 0x1a2b3c4d;
const endOfOptions = 0;
/** Link type of Ethernet, LINKTYPE_ETHERNET. */
const ethernet = 1;

type Option = [code: number, value: Buffer | string];

const padded = (length: number): number => (length + 3) & ~3;
const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer);
/** Encodes a pcapng timestamp as two words, high word first, unlike other 64-bit numbers of the format. */
const time = (ns: bigint): Buffer => Buffer.concat([u32(Number(ns >> 32n)), u32(Number(ns & 0xffff_ffffn))]);

function optionBytes(options: readonly Option[]): Buffer {
  const encode = ([code, value]: Option): Buffer => {
    const bytes = Buffer.from(value);
    const option = Buffer.alloc(4 + padded(bytes.length));
    option.writeUInt16LE(code, 0);
    option.writeUInt16LE(bytes.length, 2);
    bytes.copy(option, 4);
    return option;
  };
  return Buffer.concat([...options.map(encode), encode([endOfOptions, ''])]);
}

function block(type: number, ...parts: Buffer[]): Buffer {
  const length = u32(parts.reduce((sum, part) => sum + part.length, 12));
  return Buffer.concat([u32(type), length, ...parts, length]);
}

/** Interface that packets were captured on, as the file describes it. */
export interface CapturedInterface {
  interfaceName: string;
  interfaceDescription: string;
}

export interface CaptureDescription {
  application: string;
  system: string;
  /** Capture filter as a tcpdump expression; empty if all packets match. */
  filter: string;
  /** Maximum number of captured bytes per packet. */
  snaplen: number;
}

/** Encodes the section header block, which a pcapng file begins with. */
export function encodePcapngSection({ application, system }: CaptureDescription): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(byteOrderMagic, 0);
  section.writeUInt16LE(1, 4);
  section.writeBigInt64LE(-1n, 8); // the section's length is not known yet
  return block(
    blocks.section,
    section,
    optionBytes([
      [3, system],
      [4, application],
    ]),
  );
}

/** Encodes an interface description block. Packets name their interface by its place among these, from 0. */
export function encodePcapngInterface(
  { interfaceName, interfaceDescription }: CapturedInterface,
  { system, filter, snaplen }: CaptureDescription,
): Buffer {
  const device = Buffer.alloc(8);
  device.writeUInt16LE(ethernet, 0);
  device.writeUInt32LE(snaplen, 4);
  const options: Option[] = [
    [2, interfaceName],
    [3, interfaceDescription],
    [9, Buffer.of(9)], // if_tsresol: 10^-9 s
    [12, system],
  ];
  if (filter !== '') options.splice(3, 0, [11, Buffer.concat([Buffer.of(0), Buffer.from(filter)])]);
  return block(blocks.interface, device, optionBytes(options));
}

export interface CapturedPacket {
  /** Time of the packet, as CLOCK_REALTIME in ns. */
  timeNs: bigint;
  /** Captured bytes of the packet, fewer than `length` if the packet was truncated. */
  bytes: Uint8Array;
  length: number;
  /**
   * Packet type of <linux/if_packet.h>: PACKET_HOST 0, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_OTHERHOST 3,
   * PACKET_OUTGOING 4.
   */
  type: number;
}

const outgoing = 4;
/** Reception type in pcapng for each packet type: unicast 1, broadcast 3, multicast 2, promiscuous 4. */
const receptions = [1, 3, 2, 4];
/** Encodes the pcapng field epb_flags: direction in bits 0-1 (1 inbound, 2 outbound), reception type in bits 2-4. */
const packetFlags = (type: number): number => (type === outgoing ? 2 : 1 | ((receptions[type] ?? 0) << 2));

/** Returns the size in bytes of the pcapng block for a packet with `captured` bytes. */
export const getPcapngPacketBlockSize = (captured: number): number => 32 + padded(captured) + 12;

/** Encodes a captured packet as a pcapng Enhanced Packet Block. @param interfaceId place of the packet's interface */
export function encodePcapngPacket(
  { timeNs, bytes, length, type }: CapturedPacket,
  interfaceId: number,
): Buffer {
  const total = getPcapngPacketBlockSize(bytes.length);
  const out = Buffer.alloc(total);
  out.writeUInt32LE(blocks.packet, 0);
  out.writeUInt32LE(total, 4);
  out.writeUInt32LE(interfaceId, 8);
  out.writeUInt32LE(Number(timeNs >> 32n), 12);
  out.writeUInt32LE(Number(timeNs & 0xffff_ffffn), 16);
  out.writeUInt32LE(bytes.length, 20);
  out.writeUInt32LE(length, 24);
  out.set(bytes, 28);
  const options = 28 + padded(bytes.length);
  out.writeUInt16LE(2, options); // epb_flags
  out.writeUInt16LE(4, options + 2);
  out.writeUInt32LE(packetFlags(type), options + 4);
  out.writeUInt32LE(total, total - 4);
  return out;
}

export interface CaptureStatistics {
  beganNs: bigint;
  endedNs: bigint;
  /** Place of the interface among those of the file, from 0. */
  interfaceId: number;
  /** Number of packets that matched the capture filter. */
  received: number;
  /** Number of matching packets that the kernel dropped because the ring was full. */
  dropped: number;
  written: number;
}

/** Encodes a pcapng Interface Statistics Block, for when the capture on an interface ends. */
export function encodePcapngStatistics({
  interfaceId,
  beganNs,
  endedNs,
  received,
  dropped,
  written,
}: CaptureStatistics): Buffer {
  const options: Option[] = [
    [2, time(beganNs)],
    [3, time(endedNs)],
    [6, u64(BigInt(received))], // isb_filteraccept
    [7, u64(BigInt(dropped))], // isb_osdrop
    [8, u64(BigInt(written))], // isb_usrdeliv
  ];
  return block(blocks.statistics, u32(interfaceId), time(endedNs), optionBytes(options));
}
