import { nlmsghdr } from './netlink-structs.ts';

/**
 * The netlink wire format, RFC 3549 and <linux/netlink.h>: messages of a 16-byte header, a fixed body and
 * attributes (u16 length, u16 type, value), all aligned to 4, in the byte order of the machine (little endian
 * on every machine we run on). Pure: bytes in, bytes out.
 */
export const nlmsghdrSize = nlmsghdr.bytes;
const nestedFlag = 0x8000;
const typeMask = 0x3fff;
const maxAttributeBytes = 0xffff;
const align = (length: number): number => (length + 3) & ~3;

/** Error for bytes that are not a valid netlink message: truncated, or with a length beyond their end. */
export class MalformedNetlinkMessage extends Error {
  constructor(detail: string) {
    super(`malformed netlink message: ${detail}`);
    this.name = 'MalformedNetlinkMessage';
  }
}

/** Writes consecutive netlink messages to a buffer, which grows on demand and is reused after `reset`. */
export class NetlinkMessageWriter {
  buffer: Buffer;
  length = 0;
  #message = 0;

  constructor(bytes = 4096) {
    this.buffer = Buffer.alloc(bytes);
  }

  reset(): void {
    this.length = 0;
  }

  begin(type: number, flags: number, sequence: number): void {
    this.#message = this.#reserve(nlmsghdrSize);
    this.buffer.writeUInt16LE(type, this.#message + nlmsghdr.nlmsg_type);
    this.buffer.writeUInt16LE(flags, this.#message + nlmsghdr.nlmsg_flags);
    this.buffer.writeUInt32LE(sequence, this.#message + nlmsghdr.nlmsg_seq);
  }

  end(): void {
    this.buffer.writeUInt32LE(this.length - this.#message, this.#message);
  }

  /** Appends a byte to the message's fixed body, whose length must be a multiple of 4 in the end. */
  u8(value: number): this {
    const at = this.#reserve(1);
    this.buffer.writeUInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.buffer.writeUInt16LE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.buffer.writeUInt32LE(value, at);
    return this;
  }

  i32(value: number): this {
    const at = this.#reserve(4);
    this.buffer.writeInt32LE(value, at);
    return this;
  }

  /** Appends bytes to the message's fixed body, whose length must be a multiple of 4 in the end. */
  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.buffer.set(value, at);
    return this;
  }

  attributeU8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.buffer.writeUInt8(value, at);
  }

  attributeU16(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.buffer.writeUInt16LE(value, at);
  }

  attributeU32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.buffer.writeUInt32LE(value, at);
  }

  attributeI32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.buffer.writeInt32LE(value, at);
  }

  attributeBytes(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length);
    this.buffer.set(value, at);
  }

  /** Writes a string attribute as UTF-8 with the terminating NUL that the kernel expects. */
  attributeString(type: number, value: string): void {
    const bytes = Buffer.byteLength(value);
    const at = this.#attribute(type, bytes + 1);
    this.buffer.write(value, at, bytes, 'utf8');
  }

  /** Opens an attribute that contains nested attributes. @returns its start offset for `closeNest` */
  openNest(type: number): number {
    return this.#attribute(type | nestedFlag, 0) - 4;
  }

  closeNest(start: number): void {
    const length = this.length - start;
    if (length > maxAttributeBytes)
      throw new RangeError(`netlink attribute of ${length} bytes: at most 65535`);
    this.buffer.writeUInt16LE(length, start);
  }

  #attribute(type: number, bytes: number): number {
    if (bytes + 4 > maxAttributeBytes)
      throw new RangeError(`netlink attribute of ${bytes + 4} bytes: at most 65535`);
    const start = this.#reserve(4 + align(bytes));
    this.buffer.writeUInt16LE(4 + bytes, start);
    this.buffer.writeUInt16LE(type, start + 2);
    return start + 4;
  }

  /**
   * Appends zeroed bytes and returns their start offset. Must be called before `buffer` is read, which it may
   * replace.
   */
  #reserve(bytes: number): number {
    const start = this.length;
    const end = start + bytes;
    if (end > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(end, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, start);
      this.buffer = larger;
    } else {
      this.buffer.fill(0, start, end);
    }
    this.length = end;
    return start;
  }
}

/** Iterates over the netlink messages in a datagram. After `next()`, the fields describe the current message. */
export class NetlinkMessageReader {
  readonly buffer: Buffer;
  type = 0;
  flags = 0;
  sequence = 0;
  /** Port id of the socket whose request caused the message; 0 if the kernel itself did. */
  port = 0;
  /** Offset in `buffer` at which the body of the message starts; it ends before `end`. */
  start = 0;
  end = 0;
  readonly #length: number;
  #next = 0;

  constructor(buffer: Buffer, length: number = buffer.length) {
    this.buffer = buffer;
    this.#length = Math.min(length, buffer.length);
  }

  /** Advances to the next message. @throws MalformedNetlinkMessage if its header is truncated or its length invalid */
  next(): boolean {
    const at = this.#next;
    if (at >= this.#length) return false;
    if (this.#length - at < nlmsghdrSize) throw new MalformedNetlinkMessage(`header truncated at byte ${at}`);
    const length = this.buffer.readUInt32LE(at);
    if (length < nlmsghdrSize || length > this.#length - at)
      throw new MalformedNetlinkMessage(`length ${length} at byte ${at} of ${this.#length}`);
    this.type = this.buffer.readUInt16LE(at + nlmsghdr.nlmsg_type);
    this.flags = this.buffer.readUInt16LE(at + nlmsghdr.nlmsg_flags);
    this.sequence = this.buffer.readUInt32LE(at + nlmsghdr.nlmsg_seq);
    this.port = this.buffer.readUInt32LE(at + nlmsghdr.nlmsg_pid);
    this.start = at + nlmsghdrSize;
    this.end = at + length;
    this.#next = at + align(length);
    return true;
  }

  /** Returns the attributes after a fixed body of `bytes`. @throws MalformedNetlinkMessage if the body is shorter */
  attributes(bytes: number): NetlinkAttributeReader {
    if (this.end - this.start < bytes)
      throw new MalformedNetlinkMessage(`body of ${this.end - this.start} bytes, not ${bytes}`);
    return new NetlinkAttributeReader(this.buffer, this.start + align(bytes), this.end);
  }
}

/**
 * Iterates over attributes: `while (attributes.next())`, then `type` and the readers of the value, which throw
 * MalformedNetlinkMessage when the value is too short. Attributes may be longer than known, since kernels append fields.
 */
export class NetlinkAttributeReader {
  readonly buffer: Buffer;
  type = 0;
  /** Offset in `buffer` at which the value of the attribute starts; it ends before `end`. */
  start = 0;
  end = 0;
  readonly #limit: number;
  #next: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.#next = start;
    this.#limit = Math.min(end, buffer.length);
  }

  next(): boolean {
    const at = this.#next;
    // Up to 3 bytes may be left as padding, as in the kernel's nla_ok.
    if (this.#limit - at < 4) return false;
    const length = this.buffer.readUInt16LE(at);
    if (length < 4 || length > this.#limit - at)
      throw new MalformedNetlinkMessage(`attribute of length ${length}, ${this.#limit - at} bytes left`);
    this.type = this.buffer.readUInt16LE(at + 2) & typeMask;
    this.start = at + 4;
    this.end = at + length;
    this.#next = at + align(length);
    return true;
  }

  u8(): number {
    return this.buffer.readUInt8(this.#value(1));
  }

  u16(): number {
    return this.buffer.readUInt16LE(this.#value(2));
  }

  u32(offset = 0): number {
    return this.buffer.readUInt32LE(this.#value(offset + 4) + offset);
  }

  i32(): number {
    return this.buffer.readInt32LE(this.#value(4));
  }

  /** Reads the u64 at `offset` in the attribute's value as a number, exact up to 2^53. */
  u64(offset = 0): number {
    const at = this.#value(offset + 8) + offset;
    return this.buffer.readUInt32LE(at) + this.buffer.readUInt32LE(at + 4) * 4_294_967_296;
  }

  /** Reads the attribute's value as UTF-8 text up to the first NUL. */
  string(): string {
    let end = this.start;
    while (end < this.end && this.buffer[end] !== 0) end++;
    return this.buffer.toString('utf8', this.start, end);
  }

  /** Returns a view of the attribute's value, which is valid only as long as the buffer. */
  bytes(): Buffer {
    return this.buffer.subarray(this.start, this.end);
  }

  /** Returns the attributes that are nested in the attribute's value after a fixed body of `skip` bytes. */
  nested(skip = 0): NetlinkAttributeReader {
    return new NetlinkAttributeReader(this.buffer, this.#value(skip) + align(skip), this.end);
  }

  #value(bytes: number): number {
    if (this.end - this.start < bytes)
      throw new MalformedNetlinkMessage(
        `attribute ${this.type} of ${this.end - this.start} bytes, not ${bytes}`,
      );
    return this.start;
  }
}
