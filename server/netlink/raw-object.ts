import { MalformedNetlinkMessage, type NetlinkMessageReader } from './message.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Attribute as the kernel sent it: its type with the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER, and its value. */
export interface RawAttribute {
  type: number;
  value: Buffer;
}

/**
 * Kernel object as the kernel sent it: the fixed body (struct ifaddrmsg, rtmsg, …) and the attributes in their order,
 * unknown ones included. It can be sent back, which sets the same object.
 */
export interface RawObject {
  /** Message type of the reply, such as RTM_NEWROUTE. */
  messageType: number;
  body: Buffer;
  attributes: readonly RawAttribute[];
}

const typeMask = 0x3fff;
const align = (length: number): number => (length + 3) & ~3;

/** Copies the current message. @param bodyBytes size of its fixed body @throws MalformedNetlinkMessage */
export function copyRawObject(message: NetlinkMessageReader, bodyBytes: number): RawObject {
  const { buffer, start, end } = message;
  if (end - start < bodyBytes)
    throw new MalformedNetlinkMessage(`body of ${end - start} bytes, not ${bodyBytes}`);
  return {
    messageType: message.type,
    body: Buffer.from(buffer.subarray(start, start + bodyBytes)),
    attributes: parseRawAttributes(buffer.subarray(start + align(bodyBytes), end)),
  };
}

/** Parses attributes from bytes, which are copied. @throws MalformedNetlinkMessage */
export function parseRawAttributes(bytes: Buffer): RawAttribute[] {
  const found: RawAttribute[] = [];
  for (let at = 0; bytes.length - at >= 4; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || length > bytes.length - at)
      throw new MalformedNetlinkMessage(`attribute of length ${length}, ${bytes.length - at} bytes left`);
    found.push({
      type: bytes.readUInt16LE(at + 2),
      value: Buffer.from(bytes.subarray(at + 4, at + length)),
    });
    at += align(length);
  }
  return found;
}

/** Encodes attributes as a nested value. */
export function encodeRawAttributes(attributes: readonly RawAttribute[]): Buffer {
  return Buffer.concat(
    attributes.flatMap(({ type, value }) => {
      const header = Buffer.alloc(4);
      header.writeUInt16LE(value.length + 4, 0);
      header.writeUInt16LE(type, 2);
      return [header, value, Buffer.alloc(align(value.length) - value.length)];
    }),
  );
}

/** Returns the value of an attribute, or null without it. @param type attribute type without its flags */
export const getRawAttribute = ({ attributes }: Pick<RawObject, 'attributes'>, type: number): Buffer | null =>
  attributes.find((each) => (each.type & typeMask) === type)?.value ?? null;

/** Returns the value of an attribute of 4 bytes, or null without it. */
export function getRawU32(object: Pick<RawObject, 'attributes'>, type: number): number | null {
  const value = getRawAttribute(object, type);
  return value === null || value.length < 4 ? null : value.readUInt32LE(0);
}

/** Returns the text of a string attribute, or null without it. */
export function getRawString(object: Pick<RawObject, 'attributes'>, type: number): string | null {
  const value = getRawAttribute(object, type);
  return value === null ? null : value.toString('utf8').replace(/\0.*$/s, '');
}

/** Returns the attributes that are nested in an attribute; empty without it. @throws MalformedNetlinkMessage */
export function getRawNested(object: Pick<RawObject, 'attributes'>, type: number): RawAttribute[] {
  const value = getRawAttribute(object, type);
  return value === null ? [] : parseRawAttributes(value);
}

/** Returns the object without the attributes of these types. */
export const withoutRawAttributes = (object: RawObject, ...types: readonly number[]): RawObject => ({
  ...object,
  attributes: object.attributes.filter((each) => !types.includes(each.type & typeMask)),
});

/** Returns the object with the value of an attribute replaced where it has one. */
export const mapRawAttribute = (
  object: RawObject,
  type: number,
  change: (value: Buffer) => Buffer,
): RawObject => ({
  ...object,
  attributes: object.attributes.map((each) =>
    (each.type & typeMask) === type ? { type: each.type, value: change(each.value) } : each,
  ),
});

/** Returns the object with an attribute added at the end. */
export const addRawAttribute = (object: RawObject, type: number, value: Buffer): RawObject => ({
  ...object,
  attributes: [...object.attributes, { type, value }],
});

/** Returns the object with a u32 of its fixed body replaced. */
export function withBodyU32(object: RawObject, offset: number, value: number): RawObject {
  const body = Buffer.from(object.body);
  body.writeUInt32LE(value >>> 0, offset);
  return { ...object, body };
}

/** Encodes a number as the value of an attribute of 4 bytes. */
export function rawU32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0, 0);
  return bytes;
}

/** Encodes a text as the value of a string attribute, with the NUL that the kernel expects. */
export const rawString = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf8');

/** Lists objects as raw messages. @param body fixed body of the request, of the size of the replies' bodies */
export const dumpRawObjects = (
  socket: NetlinkSocket,
  operation: string,
  type: number,
  body: Buffer,
  attributes: readonly RawAttribute[] = [],
): Promise<RawObject[]> =>
  socket.dump(
    {
      operation,
      type,
      encode: (message) => {
        message.bytes(body);
        for (const { type: attribute, value } of attributes) message.attributeBytes(attribute, value);
      },
    },
    (message) => copyRawObject(message, body.length),
  );

/** Builds a request that sends an object. */
export const buildRawRequest = (
  operation: string,
  type: number,
  flags: number,
  { body, attributes }: Pick<RawObject, 'body' | 'attributes'>,
): NetlinkRequest => ({
  operation,
  type,
  flags,
  encode: (message) => {
    message.bytes(body);
    for (const { type: attribute, value } of attributes) message.attributeBytes(attribute, value);
  },
});
