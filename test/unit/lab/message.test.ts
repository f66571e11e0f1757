import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createLabMessageSplitter,
  decodeLabTrafficMessage,
  encodeLabTrafficMessage,
  labMessageHeaderSize,
  maxLabMessageSize,
} from '../../../server/lab/traffic/traffic-message.ts';

const id = fc.integer({ min: 0, max: 0xffff_ffff });
const bytes = fc.integer({ min: labMessageHeaderSize, max: 3000 });

test('a message decodes to what was encoded', () => {
  fc.assert(
    fc.property(id, bytes, bytes, (number, length, reply) => {
      expect(decodeLabTrafficMessage(encodeLabTrafficMessage(number, length, reply))).toEqual({
        id: number,
        reply,
        bytes: length,
      });
    }),
  );
});

test('a message with any one byte changed is rejected', () => {
  fc.assert(
    fc.property(id, bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (number, length, at, flip) => {
      const message = encodeLabTrafficMessage(number, length, 0);
      message[at % length]! ^= flip;
      expect(decodeLabTrafficMessage(message)).toBeNull();
    }),
  );
});

test('two requests have different payloads, so that a reply to another request is detected', () => {
  const payload = (number: number) => encodeLabTrafficMessage(number, 500, 0).subarray(labMessageHeaderSize);
  expect(payload(1).equals(payload(2))).toBe(false);
});

test('a stream decodes to the same messages however it is split', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 8 }), fc.integer({ min: 1, max: 4000 }), (lengths, cut) => {
      const split = createLabMessageSplitter();
      const stream = Buffer.concat(lengths.map((length, index) => encodeLabTrafficMessage(index, length, 0)));
      const seen = [];
      for (let at = 0; at < stream.length; at += cut) seen.push(...split(stream.subarray(at, at + cut)));
      expect(seen).toEqual(lengths.map((length, index) => ({ id: index, reply: 0, bytes: length })));
    }),
  );
});

test('a stream that is out of sync is detected at once, without waiting for an invalid length', () => {
  const rubbish = Buffer.alloc(8);
  rubbish.writeUInt32LE(maxLabMessageSize + 1, 0);
  expect(createLabMessageSplitter()(rubbish)).toEqual([null]);
});
