import { ProblemError } from '../../contract/problem.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import {
  addressOf,
  bind,
  close,
  errno,
  errnoName,
  getsockopt,
  MAP_FAILED,
  mmap,
  munmap,
  setsockopt,
  socket,
  strerror,
  viewMemory,
} from '../ffi/libc.ts';
import { onDescriptorReadable } from '../netlink/descriptor-readable.ts';
import type { CapturedPacket } from './pcapng.ts';

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 0x8_0003;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const TP_STATUS_USER = 1;
const TP_STATUS_VLAN_VALID = 1 << 4;
const protReadWrite = 3;
const mapShared = 1;

/**
 * Size of a ring block in bytes, enough for the largest packet. The kernel hands a block over when it is full, or after
 * `retireMs`.
 */
const blockBytes = 131_072;
const blockCount = 16;
const frameBytes = 2048;
const retireMs = 50;

/**
 * Byte offsets in struct tpacket_block_desc (<linux/if_packet.h>): status, number of packets, offset of the first
 * packet.
 */
const blockAt = { status: 8, packets: 12, first: 16 } as const;
/** Byte offsets in struct tpacket3_hdr (48 bytes), and of the packet type in the struct sockaddr_ll after it. */
const packetAt = {
  next: 0,
  seconds: 4,
  nanoseconds: 8,
  captured: 12,
  length: 16,
  status: 20,
  mac: 24,
  vlan: 32,
  vlanProtocol: 36,
  type: 58,
} as const;

/**
 * A packet socket on one device with a ring in memory shared with the kernel: packet(7), TPACKET_V3. Like any tap it
 * sees received packets before, and sent packets after, the device's tc and tcx hooks.
 */
export class PacketSocket {
  readonly #fd: number;
  readonly #address: bigint;
  readonly #ring: DataView<ArrayBuffer>;
  #block = 0;
  #closed = false;

  /**
   * Opens a packet socket with a memory-mapped ring.
   * @param filter classic BPF instructions
   * @throws ProblemError `kernel_refused`
   */
  constructor(ifindex: number, filter: Buffer) {
    this.#fd = recordOpenedDescriptor(
      must(`open a packet socket for ifindex ${ifindex}`, socket(AF_PACKET, SOCK_RAW_CLOEXEC, 0)),
      `packet socket of ifindex ${ifindex}`,
    );
    try {
      this.#set('attach the filter', SOL_SOCKET, SO_ATTACH_FILTER, filterProgram(filter));
      this.#set('choose TPACKET_V3', SOL_PACKET, PACKET_VERSION, int(TPACKET_V3));
      this.#set('make the ring', SOL_PACKET, PACKET_RX_RING, ringRequest());
      this.#address = mmap(null, blockBytes * blockCount, protReadWrite, mapShared, this.#fd, 0);
      if (this.#address === MAP_FAILED)
        throw new ProblemError('kernel_refused', `map the ring of packets: ${errnoName(errno())}`);
    } catch (error) {
      close(this.#fd);
      throw error;
    }
    this.#ring = new DataView(viewMemory(this.#address, blockBytes * blockCount));
    // The socket receives packets only once it is bound.
    if (bind(this.#fd, packetAddress(ifindex), 20) < 0) {
      const refused = errno();
      this.close();
      throw new ProblemError('kernel_refused', `capture on ifindex ${ifindex}: ${strerror(refused)}`);
    }
  }

  /** Calls `read` when a ring block is ready or the socket has an error, until the returned function is called. */
  whenReady(read: () => void): () => void {
    return onDescriptorReadable(this.#fd, read);
  }

  /**
   * Yields the packets of the next ready block. They are views of the ring's memory, which returns to the kernel when
   * the generator ends.
   */
  *readBlock(): Generator<CapturedPacket> {
    const start = this.#block * blockBytes;
    if (!this.blockReady) return;
    try {
      let at = start + this.#ring.getUint32(start + blockAt.first, true);
      for (let left = this.#ring.getUint32(start + blockAt.packets, true); left > 0; left -= 1) {
        yield this.#packet(at);
        at += this.#ring.getUint32(at + packetAt.next, true);
      }
    } finally {
      if (!this.#closed) this.#ring.setUint32(start + blockAt.status, 0, true);
      this.#block = (this.#block + 1) % blockCount;
    }
  }

  /** True if the ring has a block of packets to read. */
  get blockReady(): boolean {
    const status = this.#ring.getUint32(this.#block * blockBytes + blockAt.status, true);
    return (status & TP_STATUS_USER) !== 0;
  }

  #packet(at: number): CapturedPacket {
    const word = (field: number): number => this.#ring.getUint32(at + field, true);
    const mac = at + this.#ring.getUint16(at + packetAt.mac, true);
    const bytes = Buffer.from(this.#ring.buffer, mac, word(packetAt.captured));
    const packet = {
      timeNs: BigInt(word(packetAt.seconds)) * 1_000_000_000n + BigInt(word(packetAt.nanoseconds)),
      bytes,
      length: word(packetAt.length),
      type: this.#ring.getUint8(at + packetAt.type),
    };
    if ((word(packetAt.status) & TP_STATUS_VLAN_VALID) === 0) return packet;
    // The kernel keeps the VLAN tag apart from the frame; on the wire it follows the addresses.
    const tag = Buffer.alloc(4);
    tag.writeUInt16BE(this.#ring.getUint16(at + packetAt.vlanProtocol, true) || 0x8100, 0);
    tag.writeUInt16BE(word(packetAt.vlan) & 0xffff, 2);
    const tagged = Buffer.concat([bytes.subarray(0, 12), tag, bytes.subarray(12)]);
    return { ...packet, bytes: tagged, length: packet.length + tag.length };
  }

  /** Returns the number of packets received and dropped since the last call. */
  statistics(): { received: number; dropped: number } {
    const statistics = Buffer.alloc(12);
    must(
      'read the packet socket’s statistics',
      getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, int(statistics.length)),
    );
    return { received: statistics.readUInt32LE(0), dropped: statistics.readUInt32LE(4) };
  }

  /**
   * Returns and clears the socket's error number; 0 if there is none, ENETDOWN if the device is down or was removed.
   */
  error(): number {
    const value = int(0);
    getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, value, int(value.length));
    return value.readInt32LE(0);
  }

  /** Unmaps the ring and closes the socket. Packets that the ring yielded must not be used afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    munmap(this.#address, blockBytes * blockCount);
    // The kernel waits until no CPU delivers to the socket, which takes milliseconds.
    (close.async as (fd: number, done: () => void) => void)(this.#fd, () => {});
  }

  #set(what: string, level: number, option: number, value: Buffer): void {
    must(`${what} of a packet socket`, setsockopt(this.#fd, level, option, value, value.length));
  }
}

function must(tried: string, answer: number): number {
  if (answer < 0)
    throw new ProblemError('kernel_refused', `${tried}: ${strerror(errno())} (${errnoName(errno())})`);
  return answer;
}

const int = (value: number): Buffer => Buffer.from(Int32Array.of(value).buffer);

/**
 * Encodes struct sock_fprog: u16 length and pointer to the instructions, which the kernel copies during the system
 * call.
 */
function filterProgram(instructions: Buffer): Buffer {
  const program = Buffer.alloc(16);
  program.writeUInt16LE(instructions.length / 8, 0);
  program.writeBigUInt64LE(addressOf(instructions), 8);
  return program;
}

/** Encodes struct tpacket_req3 of <linux/if_packet.h>. */
const ringRequest = (): Buffer =>
  Buffer.from(
    Uint32Array.of(
      ...[blockBytes, blockCount, frameBytes, (blockBytes / frameBytes) * blockCount],
      ...[retireMs, 0, 0],
    ).buffer,
  );

/** Encodes struct sockaddr_ll that binds a packet socket to all protocols of a device. */
function packetAddress(ifindex: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(ifindex, 4);
  return address;
}
