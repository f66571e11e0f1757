import { expect, test } from 'vitest';
import { disassembleProgram } from '../../../server/bpf/disassemble.ts';

/** struct bpf_insn: code, registers (destination low, source high), offset, immediate. */
function code(
  ...instructions: [code: number, registers: number, offset: number, immediate: number][]
): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, [op, registers, offset, immediate]] of instructions.entries()) {
    bytes.writeUInt8(op, index * 8);
    bytes.writeUInt8(registers, index * 8 + 1);
    bytes.writeInt16LE(offset, index * 8 + 2);
    bytes.writeInt32LE(immediate, index * 8 + 4);
  }
  return bytes;
}

// As kernel/bpf/disasm.c writes them.
test.each<[string, [number, number, number, number]]>([
  ['r0 = 1', [0xb7, 0x00, 0, 1]],
  ['w1 = w2', [0xbc, 0x21, 0, 0]],
  ['r1 = (s8)r2', [0xbf, 0x21, 8, 0]],
  ['r0 = &(void __percpu *)(r0)', [0xbf, 0x00, -1, 0]],
  ['r1 += -8', [0x07, 0x01, 0, -8]],
  ['r3 s>>= r4', [0xcf, 0x43, 0, 0]],
  ['r1 s/= r2', [0x3f, 0x21, 1, 0]],
  ['w1 %= 7', [0x94, 0x01, 0, 7]],
  ['w5 = -w5', [0x84, 0x05, 0, 0]],
  ['r1 = be16 r1', [0xdc, 0x01, 0, 16]],
  ['r1 = le32 r1', [0xd4, 0x01, 0, 32]],
  ['r1 = bswap64 r1', [0xd7, 0x01, 0, 64]],
  ['r0 = *(u32 *)(r1 +76)', [0x61, 0x10, 76, 0]],
  ['r0 = *(s16 *)(r1 -2)', [0x89, 0x10, -2, 0]],
  ['*(u64 *)(r10 -8) = r1', [0x7b, 0x1a, -8, 0]],
  ['*(u8 *)(r1 +0) = 255', [0x72, 0x01, 0, 255]],
  ['lock *(u64 *)(r1 +0) += r2', [0xdb, 0x21, 0, 0]],
  ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', [0xdb, 0x21, 0, 1]],
  ['r0 = atomic_cmpxchg((u32 *)(r1 +4), r0, r2)', [0xc3, 0x21, 4, 0xf1]],
  ['r2 = atomic64_xchg((u64 *)(r1 +0), r2)', [0xdb, 0x21, 0, 0xe1]],
  ['r0 = *(u16 *)skb[12]', [0x28, 0x00, 0, 12]],
  ['r0 = *(u8 *)skb[r6 + 3]', [0x50, 0x60, 0, 3]],
  ['goto pc+3', [0x05, 0x00, 3, 0]],
  ['gotol pc-3', [0x06, 0x00, 0, -3]],
  ['may_goto pc+2', [0xe5, 0x00, 2, 0]],
  ['if r1 == 0x8 goto pc+4', [0x15, 0x01, 4, 8]],
  ['if r1 != 0xffffffff goto pc-1', [0x55, 0x01, -1, -1]],
  ['if w1 s< w2 goto pc+1', [0xce, 0x21, 1, 0]],
  ['if r1 & r2 goto pc+1', [0x4d, 0x21, 1, 0]],
  ['call unknown#5', [0x85, 0x00, 0, 5]],
  ['call pc+7', [0x85, 0x10, 0, 7]],
  ['exit', [0x95, 0x00, 0, 0]],
  ['nospec', [0xc2, 0x00, 0, 0]],
  ['BUG_alu_e7', [0xe7, 0x00, 0, 0]],
])('%s', (text, instruction) => {
  expect(disassembleProgram(code(instruction))[0]!.text).toBe(text);
});

test('64-bit loads take two, and name what they load', () => {
  const load = (source: number, low: number, high: number) =>
    disassembleProgram(code([0x18, (source << 4) | 1, 0, low], [0, 0, 0, high], [0x95, 0, 0, 0]));
  expect(load(0, -1, 1).map(({ text }) => text)).toEqual(['r1 = 0x1ffffffff', 'exit']);
  expect(load(1, 12, 0)[0]).toEqual({ index: 0, units: 2, text: 'r1 = map[id:12]', target: null });
  expect(load(2, 12, 4)[0]!.text).toBe('r1 = map[id:12][0]+4');
  expect(load(4, -3, 0)[0]!.text).toBe('r1 = subprog[-3]');
  expect(load(0, 0, 0)[1]).toMatchObject({ index: 2, units: 1 });
});

test('says where jumps go, counting as the kernel does, and names what is called', () => {
  const instructions = code(
    [0x18, 0x01, 0, 0],
    [0, 0, 0, 0],
    [0x15, 0x01, 1, 0],
    [0x85, 0x00, 0, 40],
    [0x85, 0x10, 0, 1],
    [0x95, 0, 0, 0],
    [0x05, 0x00, -2, 0],
  );
  const found = disassembleProgram(instructions, {
    call: (immediate) => (immediate === 40 ? 'bpf_redirect' : undefined),
    function: (index) => (index === 6 ? 'count' : undefined),
  });
  expect(found.map(({ index, text, target }) => [index, text, target])).toEqual([
    [0, 'r1 = 0x0', null],
    [2, 'if r1 == 0x0 goto pc+1', 4],
    [3, 'call bpf_redirect#40', null],
    [4, 'call pc+1#count', 6],
    [5, 'exit', null],
    [6, 'goto pc-2', 5],
  ]);
});

test('what is cut short or random is written, not thrown at', () => {
  expect(disassembleProgram(Buffer.alloc(7))).toEqual([]);
  expect(disassembleProgram(code([0x18, 0, 0, 0]))).toHaveLength(1);
  for (let op = 0; op < 256; op++)
    for (const immediate of [0, 1, -1])
      expect(
        disassembleProgram(code([op, 0x21, 0, immediate], [op, 0x21, 1, immediate]))[0]!.text,
      ).not.toMatch(/undefined|NaN/);
});
