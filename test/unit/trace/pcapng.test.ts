import { expect, test } from 'vitest';
import {
  encodePcapngInterface,
  encodePcapngPacket,
  encodePcapngSection,
  encodePcapngStatistics,
  getPcapngPacketBlockSize,
} from '../../../server/trace/pcapng.ts';

interface Block {
  type: number;
  body: Buffer;
  /** Options behind `fixed` bytes of the body, by code. */
  options(fixed: number): Map<number, Buffer>;
}

/** As a reader goes through it: every block's length stands at both of its ends, and nothing is left. */
function blocksOf(file: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(file.readUInt32LE(at + length - 4)).toBe(length);
    const body = file.subarray(at + 8, at + length - 4);
    blocks.push({ type: file.readUInt32LE(at), body, options: (fixed) => optionsOf(body.subarray(fixed)) });
    at += length;
  }
  return blocks;
}

function optionsOf(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; bytes.readUInt16LE(at) !== 0; ) {
    const length = bytes.readUInt16LE(at + 2);
    options.set(bytes.readUInt16LE(at), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

const description = {
  application: 'podlane 1',
  system: 'Linux 6',
  snaplen: 100,
  filter: 'port 80',
};
const captured = { interfaceName: 'pl1', interfaceDescription: 'primary of shop/cart' };

test('a file starts with a section and an interface with times in ns', () => {
  const [section, device, ...others] = blocksOf(
    Buffer.concat([encodePcapngSection(description), encodePcapngInterface(captured, description)]),
  );
  expect(others).toEqual([]);
  expect(section!.type).toBe(0x0a0d0d0a);
  expect(section!.body.readUInt32LE(0)).toBe(0x1a2b3c4d);
  expect(String(section!.options(16).get(4))).toBe('podlane 1');
  expect([device!.type, device!.body.readUInt16LE(0), device!.body.readUInt32LE(4)]).toEqual([1, 1, 100]);
  const options = device!.options(8);
  expect(String(options.get(2))).toBe('pl1');
  expect(String(options.get(3))).toBe('primary of shop/cart');
  expect([...options.get(9)!]).toEqual([9]);
  expect(String(options.get(11))).toBe('\0port 80');
  expect(
    blocksOf(encodePcapngInterface(captured, { ...description, filter: '' }))[0]!
      .options(8)
      .has(11),
  ).toBe(false);
});

test('packets of any length keep bytes, time, length and direction', () => {
  for (let size = 0; size < 9; size += 1) {
    const bytes = Buffer.alloc(size, 0xab);
    const timeNs = 1_795_392_862_523_317_682n;
    const block = encodePcapngPacket({ timeNs, bytes, length: 1500, type: size % 2 ? 4 : 0 }, 3);
    expect(block).toHaveLength(getPcapngPacketBlockSize(size));
    const [{ type, body, options }] = blocksOf(block) as [Block];
    expect(type).toBe(6);
    expect((BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8))).toBe(timeNs);
    expect(body.readUInt32LE(0)).toBe(3);
    expect([body.readUInt32LE(12), body.readUInt32LE(16)]).toEqual([size, 1500]);
    expect(body.subarray(20, 20 + size)).toEqual(bytes);
    const flags = options(20 + ((size + 3) & ~3)).get(2)!;
    expect(flags.readUInt32LE(0)).toBe(size % 2 ? 2 : 0b101);
  }
});

test('a file ends with the number of dropped packets', () => {
  const counts = { interfaceId: 1, received: 12, dropped: 2, written: 10 };
  const [{ type, body, options }] = blocksOf(
    encodePcapngStatistics({ beganNs: 1n, endedNs: 2n, ...counts }),
  ) as [Block];
  expect([type, body.readUInt32LE(0)]).toEqual([5, 1]);
  expect([6, 7, 8].map((code) => options(12).get(code)!.readBigUInt64LE(0))).toEqual([12n, 2n, 10n]);
});
