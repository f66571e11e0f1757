import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Btf } from '../../../server/bpf/btf.ts';
import { decodeBtfValue } from '../../../server/bpf/btf-decode.ts';
import { BtfValueError, encodeBtfValue } from '../../../server/bpf/btf-encode.ts';
import { formatCDeclaration, formatCTypeName, resolveBtfValueType } from '../../../server/bpf/btf-resolve.ts';
import { btf } from './btf-sample.ts';
import { elfSection } from './elf-section.ts';

const kind = (number: number, count = 0, flag = 0) => ((flag << 31) | (number << 24) | count) >>> 0;
const [signed, char, bool] = [1 << 24, 2 << 24, 4 << 24];

/** One type of each kind; ids as in `id`. */
const types = new Btf(
  btf((name) => [
    [name('__u32'), kind(1), 4, 32], // 1
    [name('int'), kind(1), 4, signed | 32], // 2
    [name('char'), kind(1), 1, char | signed | 8], // 3
    [name('_Bool'), kind(1), 1, bool | 8], // 4
    [name('__u64'), kind(1), 8, 64], // 5
    [name('__int128'), kind(1), 16, 128], // 6
    [0, kind(3), 0, 3, 1, 8], // 7: char[8]
    [0, kind(3), 0, 1, 1, 2], // 8: __u32[2]
    [name('verdict'), kind(6, 2, 1), 4, name('PASS'), 0, name('NEXT'), -1], // 9
    [name('big'), kind(19, 1), 8, name('ALL'), -1, -1], // 10: enum64
    [0, kind(2), 1], // 11: __u32 *
    [name('double'), kind(16), 8], // 12
    [
      name('bits'),
      kind(4, 3, 1),
      4,
      name('low'),
      1,
      3 << 24,
      name('mid'),
      2,
      (5 << 24) | 3,
      name('on'),
      4,
      (1 << 24) | 8,
    ], // 13
    [0, kind(5, 2), 4, name('word'), 1, 0, name('half'), 16, 0], // 14: anonymous union
    [name('outer'), kind(4, 3), 16, name('name'), 7, 0, 0, 14, 64, name('verdict'), 9, 96], // 15
    [name('__u16'), kind(1), 2, 16], // 16
    [name('flags_t'), kind(8), 18], // 17: of 18
    [0, kind(10), 1], // 18: const
    [name('circle'), kind(4, 1), 4, name('again'), 20, 0], // 19
    [name('loop'), kind(8), 19], // 20
    [name('self'), kind(8), 21], // 21
  ]),
);
const id = {
  u32: 1,
  int: 2,
  bool: 4,
  u64: 5,
  int128: 6,
  text: 7,
  pair: 8,
  verdict: 9,
  big: 10,
  pointer: 11,
  double: 12,
  bits: 13,
  outer: 15,
  flags: 17,
  circle: 19,
  self: 21,
};
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test.each<[string, number, string, unknown]>([
  ['an unsigned number', id.u32, 'ffffffff', 4294967295],
  ['a negative one', id.int, 'ffffffff', -1],
  ['one beyond 2^53 as text', id.u64, 'ffffffffffffffff', '18446744073709551615'],
  [
    'one of 16 bytes in hex',
    id.int128,
    '01000000000000000000000000000080',
    '0x80000000000000000000000000000001',
  ],
  ['a bool', id.bool, '01', true],
  ['text that ends early', id.text, '6361727400000000', 'cart'],
  ['text that fills its array', id.text, '6361727463617274', 'cartcart'],
  ['bytes that are no text', id.text, '63000000000000ff', [99, 0, 0, 0, 0, 0, 0, -1].map((n) => n)],
  ['an array', id.pair, '0100000002000000', [1, 2]],
  ['an enum by name', id.verdict, 'ffffffff', 'NEXT'],
  ['a value that has no name', id.verdict, '07000000', 7],
  ['an enum of 8 bytes', id.big, 'ffffffffffffffff', 'ALL'],
  ['a pointer', id.pointer, '00000000000000ff', '0xff00000000000000'],
  ['a float', id.double, '000000000000f83f', 1.5],
  ['bitfields', id.bits, '2d010000', { low: 5, mid: 5, on: true }],
  [
    'members of an anonymous union beside the others',
    id.outer,
    '6361727400000000 02000100 00000000',
    { name: 'cart', word: 65538, half: 2, verdict: 'PASS' },
  ],
  ['a typedef of a const', id.flags, '01000000', 1],
])('reads and writes %s', (_, type, hex, value) => {
  const expected = type === id.text && Array.isArray(value) ? [99, 0, 0, 0, 0, 0, 0, 255] : value;
  expect(decodeBtfValue(types, type, bytes(hex))).toEqual(expected);
  expect(encodeBtfValue(types, type, expected).toString('hex')).toBe(hex.replaceAll(' ', ''));
});

test.each<[string, number, unknown, string]>([
  ['a number too large', id.u32, 4294967296, 'the value: 4294967296 is not from 0 to 4294967295, for __u32'],
  ['a negative one', id.u32, -1, 'the value: -1 is not from 0'],
  ['a fraction', id.u32, 1.5, 'the value: not an integer, for __u32'],
  ['text that is too long', id.text, 'cartcartc', 'the value: not printable text of at most 8 characters'],
  ['an array of another length', id.pair, [1], 'the value: not an array of 2 elements'],
  ['an element', id.pair, [1, 'x'], '[1]: not an integer'],
  ['a name that the enum has not', id.verdict, 'DROP', 'the value: "DROP" is none of PASS, NEXT'],
  ['a member that is missing', id.bits, { low: 1, mid: 1 }, 'the value: member on is missing'],
  [
    'a member that there is not',
    id.bits,
    { low: 1, mid: 1, on: true, off: 1 },
    'has no member "off", but low, mid, on',
  ],
  ['a bitfield', id.bits, { low: 8, mid: 1, on: true }, '.low: 8 is not from 0 to 7'],
  [
    'a union that disagrees',
    id.outer,
    { name: '', word: 3, half: 2, verdict: 0 },
    '.word: other members of the union have another value',
  ],
  ['what is no object', id.outer, null, 'the value: not an object, for struct outer'],
])('refuses %s', (_, type, value, why) => {
  expect(() => encodeBtfValue(types, type, value)).toThrow(BtfValueError);
  expect(() => encodeBtfValue(types, type, value)).toThrow(why);
});

test('of a union one member is enough', () => {
  const value = { name: 'cart', half: 2, verdict: -1 };
  expect(encodeBtfValue(types, id.outer, value).toString('hex')).toBe('636172740000000002000000ffffffff');
});

test('declares types as C does', () => {
  expect(formatCDeclaration(types, id.outer)).toBe(
    [
      'struct outer {',
      '  char name[8];',
      '  union {',
      '    __u32 word;',
      '    __u16 half;',
      '  };',
      '  enum verdict verdict;',
      '}',
    ].join('\n'),
  );
  expect(formatCDeclaration(types, id.bits)).toContain('  int mid:5;\n');
  expect(formatCDeclaration(types, id.verdict)).toBe('enum verdict {\n  PASS = 0,\n  NEXT = -1,\n}');
  expect(formatCTypeName(types, id.pointer)).toBe('__u32 *');
  expect(formatCTypeName(types, id.flags)).toBe('flags_t');
});

test('types that contain themselves are refused, not followed', () => {
  expect(() => decodeBtfValue(types, id.circle, Buffer.alloc(4))).toThrow(RangeError);
  expect(() => resolveBtfValueType(types, id.self)).toThrow(RangeError);
  expect(formatCDeclaration(types, id.circle).length).toBeLessThan(100_000);
});

const objects = new URL('../../../bpf/objects/', import.meta.url);
const trees = readdirSync(objects).map((name) => {
  const section = elfSection(readFileSync(new URL(name, objects)), '.BTF');
  return { name, section, btf: new Btf(section) };
});

test.each(trees)('every struct of $name is read, and written as it was read', ({ btf: tree }) => {
  for (let type = 1; type <= tree.typeCount; type++) {
    const { kind: of, bytes: length } = resolveBtfValueType(tree, type);
    // Sections of an object have no length before it is loaded.
    if ((of !== 'struct' && of !== 'union') || length === 0) continue;
    expect(formatCDeclaration(tree, type)).toContain('{');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: length, maxLength: length }), (random) => {
        const value = decodeBtfValue(tree, type, Buffer.from(random));
        expect(decodeBtfValue(tree, type, encodeBtfValue(tree, type, value))).toEqual(value);
      }),
      { numRuns: 5 },
    );
  }
});

test('BTF that is cut short or changed is refused as such, or read; nothing else happens', () => {
  const { section } = trees[0]!;
  fc.assert(
    fc.property(
      fc.nat(section.length),
      fc.array(fc.tuple(fc.nat(section.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      (length, changes) => {
        const broken = Buffer.from(section.subarray(0, length === 0 ? section.length : length));
        for (const [at, byte] of changes) if (at < broken.length) broken[at] = byte;
        try {
          const read = new Btf(broken);
          for (let type = 1; type <= Math.min(read.typeCount, 100); type++) {
            formatCDeclaration(read, type);
            decodeBtfValue(read, type, Buffer.alloc(64));
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      },
    ),
    { numRuns: 400 },
  );
});
