import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MalformedNetlinkMessage,
  NetlinkAttributeReader,
  NetlinkMessageReader,
  NetlinkMessageWriter,
} from '../../../server/netlink/message.ts';

const written = (write: (message: NetlinkMessageWriter) => void): Buffer => {
  const message = new NetlinkMessageWriter(16);
  message.begin(0x10, 0x5, 7);
  write(message);
  message.end();
  return message.buffer.subarray(0, message.length);
};
const only = (bytes: Buffer): NetlinkMessageReader => {
  const messages = new NetlinkMessageReader(bytes);
  expect(messages.next()).toBe(true);
  return messages;
};
const hex = (bytes: Buffer) => bytes.toString('hex');
const header = (length: string) => `${length}000000100005000700000000000000`;

describe('writing', () => {
  test('a message is a header with length, type, flags and sequence', () => {
    expect(hex(written(() => {}))).toBe(header('10'));
  });

  test.each<[string, (message: NetlinkMessageWriter) => void, string]>([
    ['u8, padded to 4', (m) => m.attributeU8(16, 6), `${header('18')}0500100006000000`],
    ['u32', (m) => m.attributeU32(4, 1500), `${header('18')}08000400dc050000`],
    ['string with its NUL', (m) => m.attributeString(3, 'eth0'), `${header('1c')}090003006574683000000000`],
    [
      'bytes',
      (m) => m.attributeBytes(1, Uint8Array.of(2, 0, 0, 0, 0, 1)),
      `${header('1c')}0a0001000200000000010000`,
    ],
    [
      'nest, which tells its length and that it is one',
      (m) => {
        const nest = m.openNest(18);
        m.attributeString(1, 'veth');
        m.closeNest(nest);
      },
      `${header('20')}10001280090001007665746800000000`,
    ],
  ])('%s', (_, write, expected) => {
    expect(hex(written(write))).toBe(expected);
  });

  test('room that was used before is zeroed', () => {
    const message = new NetlinkMessageWriter(64);
    message.begin(1, 1, 1);
    message.attributeBytes(1, Buffer.alloc(40, 0xff));
    message.end();
    message.reset();
    message.begin(1, 1, 1);
    message.attributeU8(1, 1);
    message.end();
    expect(hex(message.buffer.subarray(16, message.length))).toBe('0500010001000000');
  });

  test('an attribute that does not fit its 16-bit length is refused', () => {
    expect(() => written((m) => m.attributeBytes(1, Buffer.alloc(65_532)))).toThrow(RangeError);
    expect(() =>
      written((m) => {
        const nest = m.openNest(1);
        m.attributeBytes(1, Buffer.alloc(40_000));
        m.attributeBytes(1, Buffer.alloc(40_000));
        m.closeNest(nest);
      }),
    ).toThrow(RangeError);
  });
});

type Tree = { type: number; value: Uint8Array | Tree[] };
const tree = fc.letrec<{ tree: Tree; leaf: Tree; branch: Tree }>((tie) => ({
  leaf: fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), value: fc.uint8Array({ maxLength: 40 }) }),
  branch: fc.record({
    type: fc.integer({ min: 0, max: 0x3fff }),
    value: fc.array(tie('tree'), { maxLength: 4 }),
  }),
  tree: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('branch')),
})).tree;
const writeTree = (message: NetlinkMessageWriter, { type, value }: Tree): void => {
  if (value instanceof Uint8Array) {
    message.attributeBytes(type, value);
    return;
  }
  const nest = message.openNest(type);
  for (const child of value) writeTree(message, child);
  message.closeNest(nest);
};
const readTree = (attributes: NetlinkAttributeReader, { type, value }: Tree): void => {
  expect(attributes.next()).toBe(true);
  expect(attributes.type).toBe(type);
  if (value instanceof Uint8Array) {
    expect(attributes.bytes().equals(value)).toBe(true);
    return;
  }
  const nested = attributes.nested();
  for (const child of value) readTree(nested, child);
  expect(nested.next()).toBe(false);
};

describe('reading', () => {
  test('what was written comes back, however it is nested', () => {
    fc.assert(
      fc.property(fc.array(fc.array(tree, { maxLength: 4 }), { maxLength: 3 }), (trees) => {
        const writer = new NetlinkMessageWriter(8);
        trees.forEach((attributes, index) => {
          writer.begin(20 + index, 2, index);
          for (const one of attributes) writeTree(writer, one);
          writer.end();
        });
        const messages = new NetlinkMessageReader(writer.buffer, writer.length);
        trees.forEach((attributes, index) => {
          expect(messages.next()).toBe(true);
          expect([messages.type, messages.flags, messages.sequence]).toEqual([20 + index, 2, index]);
          const reader = messages.attributes(0);
          for (const one of attributes) readTree(reader, one);
          expect(reader.next()).toBe(false);
        });
        expect(messages.next()).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test('u64 is exact up to 2^53', () => {
    const value = Buffer.alloc(16);
    value.writeBigUInt64LE(2n ** 53n - 1n, 8);
    const attributes = only(written((m) => m.attributeBytes(1, value))).attributes(0);
    attributes.next();
    expect(attributes.u64(8)).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([
    ['a header cut short', Buffer.alloc(15)],
    ['a length below the header', Buffer.from('0f000000100005000700000000000000', 'hex')],
    ['a length of zero', Buffer.alloc(16)],
    ['a length beyond the end', Buffer.from('11000000100005000700000000000000', 'hex')],
    ['the largest length', Buffer.from('ffffffff100005000700000000000000', 'hex')],
  ])('%s is refused', (_, bytes) => {
    expect(() => new NetlinkMessageReader(bytes).next()).toThrow(MalformedNetlinkMessage);
  });

  test.each([
    ['length zero', '00000100'],
    ['length below its header', '0300010000000000'],
    ['length beyond the message', '0900010000000000'],
  ])('an attribute of %s is refused', (_, attribute) => {
    const bytes = Buffer.from(attribute, 'hex');
    expect(() => new NetlinkAttributeReader(bytes, 0, bytes.length).next()).toThrow(MalformedNetlinkMessage);
  });

  test('a value shorter than its type is refused, whatever follows it', () => {
    const attributes = new NetlinkAttributeReader(Buffer.from('0600010001020304ffffffff', 'hex'), 0, 12);
    attributes.next();
    expect(() => attributes.u32()).toThrow(MalformedNetlinkMessage);
    expect(() => attributes.u64()).toThrow(MalformedNetlinkMessage);
    expect(() => attributes.nested(16)).toThrow(MalformedNetlinkMessage);
    expect(attributes.bytes()).toHaveLength(2);
  });

  test('a body shorter than its struct is refused', () => {
    const message = only(written((m) => m.u32(1)));
    expect(() => message.attributes(16)).toThrow(MalformedNetlinkMessage);
  });

  test('a message length that points beyond the received bytes is refused, although the buffer is larger', () => {
    const buffer = Buffer.alloc(1024);
    written((m) => m.attributeU32(1, 1)).copy(buffer);
    expect(() => new NetlinkMessageReader(buffer, 20).next()).toThrow(MalformedNetlinkMessage);
  });
});
