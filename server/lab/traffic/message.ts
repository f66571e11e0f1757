import { randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * What clients and servers of the lab say to each other; the same on TCP, where the length frames it, and
 * in a datagram. Little endian:
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | bytes of the message, header included |
 * | 4 | u32 | CRC-32 of all that follows |
 * | 8 | u32 | id of the request; a reply repeats it |
 * | 12 | u32 | bytes of the reply that is asked for; 0 in a reply |
 * | 16 | | payload |
 */
export const headerBytes = 16;

/** Longer ones are taken for rubbish. */
export const maxBytes = 65536;

export interface Message {
  id: number;
  reply: number;
  bytes: number;
}

const noise = randomFillSync(Buffer.alloc(maxBytes + 4096));

/** A message of `bytes` bytes (at least the header), filled with bytes that differ from id to id. */
export function encodeMessage(id: number, bytes: number, reply: number): Buffer {
  const message = Buffer.allocUnsafe(bytes);
  noise.copy(message, headerBytes, id % 4096, (id % 4096) + bytes - headerBytes);
  message.writeUInt32LE(bytes, 0);
  message.writeUInt32LE(id, 8);
  message.writeUInt32LE(reply, 12);
  message.writeUInt32LE(crc32(message.subarray(8)), 4);
  return message;
}

/** Reads one whole message; null when its length or checksum is wrong. */
export function decodeMessage(message: Buffer): Message | null {
  if (message.length < headerBytes || message.readUInt32LE(0) !== message.length) return null;
  if (message.readUInt32LE(4) !== crc32(message.subarray(8))) return null;
  const reply = message.readUInt32LE(12);
  if (reply > maxBytes || (reply > 0 && reply < headerBytes)) return null;
  return { id: message.readUInt32LE(8), reply, bytes: message.length };
}

/**
 * Cuts a byte stream into messages.
 * @returns a function that takes the next chunk and gives the messages it completes; null in place of a
 * message that is damaged, after which the stream is lost
 */
export function messageSplitter(): (chunk: Buffer) => (Message | null)[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: (Message | null)[] = [];
    while (rest.length >= 4) {
      const bytes = rest.readUInt32LE(0);
      if (bytes < headerBytes || bytes > maxBytes) return [...messages, null];
      if (rest.length < bytes) break;
      messages.push(decodeMessage(rest.subarray(0, bytes)));
      rest = rest.subarray(bytes);
    }
    return messages;
  };
}
