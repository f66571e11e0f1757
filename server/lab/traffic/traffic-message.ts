import { randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * Message format between clients and servers of the lab, over TCP (framed by the length) and UDP. Little-endian:
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u32 | bytes of the message, header included |
 * | 4 | u32 | CRC-32 of all that follows |
 * | 8 | u32 | id of the request; a reply repeats it |
 * | 12 | u32 | bytes of the requested reply; 0 in a reply |
 * | 16 | | payload |
 */
export const labMessageHeaderSize = 16;

/** Maximum size of a message in bytes; longer messages count as damaged. */
export const maxLabMessageSize = 65536;

export interface LabTrafficMessage {
  id: number;
  reply: number;
  bytes: number;
}

const noise = randomFillSync(Buffer.alloc(maxLabMessageSize + 4096));

/** Encodes a message of `bytes` bytes (at least the header), with a payload that depends on the id. */
export function encodeLabTrafficMessage(id: number, bytes: number, reply: number): Buffer {
  const message = Buffer.allocUnsafe(bytes);
  noise.copy(message, labMessageHeaderSize, id % 4096, (id % 4096) + bytes - labMessageHeaderSize);
  message.writeUInt32LE(bytes, 0);
  message.writeUInt32LE(id, 8);
  message.writeUInt32LE(reply, 12);
  message.writeUInt32LE(crc32(message.subarray(8)), 4);
  return message;
}

/** Decodes one message. @returns null if the length or the checksum is wrong */
export function decodeLabTrafficMessage(message: Buffer): LabTrafficMessage | null {
  if (message.length < labMessageHeaderSize || message.readUInt32LE(0) !== message.length) return null;
  if (message.readUInt32LE(4) !== crc32(message.subarray(8))) return null;
  const reply = message.readUInt32LE(12);
  if (reply > maxLabMessageSize || (reply > 0 && reply < labMessageHeaderSize)) return null;
  return { id: message.readUInt32LE(8), reply, bytes: message.length };
}

/**
 * Splits a byte stream into messages.
 * @returns a function that takes the next chunk and returns the messages that it completes; null for a damaged message,
 * after which the stream cannot be decoded
 */
export function createLabMessageSplitter(): (chunk: Buffer) => (LabTrafficMessage | null)[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: (LabTrafficMessage | null)[] = [];
    while (rest.length >= 4) {
      const bytes = rest.readUInt32LE(0);
      if (bytes < labMessageHeaderSize || bytes > maxLabMessageSize) return [...messages, null];
      if (rest.length < bytes) break;
      messages.push(decodeLabTrafficMessage(rest.subarray(0, bytes)));
      rest = rest.subarray(bytes);
    }
    return messages;
  };
}
