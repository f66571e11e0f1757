import { expect, test } from 'vitest';
import { parseVerifierLog } from '../../../server/bpf/verifier-log.ts';

const packet = `0: R1=ctx() R10=fp0
; return *(char *)(long)skb->data; @ a.bpf.c:6
0: (61) r1 = *(u32 *)(r1 +76)         ; R1_w=pkt(r=0)
1: (71) r0 = *(u8 *)(r1 +0)
invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test('a refusal has its message, instruction, source line, registers and the instructions before it', () => {
  expect(parseVerifierLog('tested', packet)).toEqual({
    program: 'tested',
    message: 'invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); R1 offset is outside of the packet',
    instruction: { number: 1, text: 'r0 = *(u8 *)(r1 +0)' },
    source: { text: 'return *(char *)(long)skb->data;', file: 'a.bpf.c', line: 6 },
    registers: ['R1=pkt(r=0)', 'R10=fp0'],
    before: ['0: r1 = *(u32 *)(r1 +76)'],
    meaning: expect.stringContaining('data_end'),
    log: packet.trimEnd(),
  });
});

test('values with brackets in brackets are whole, the stack comes last, source lines of older kernels have no place', () => {
  const { source, registers } = parseVerifierLog(
    'tested',
    `0: R1=ctx(off=0,imm=0) R10=fp0
; if (x)
3: (61) r1 = *(u32 *)(r6 +68)        ; R1_w=scalar(umax=4294967295,var_off=(0x0; 0xffffffff)) R6=ctx(off=0,imm=0) fp-8_w=0000????
4: (0f) r0 += r1
R0 unbounded memory access, make sure to bounds check any such access
`,
  );
  expect(source).toEqual({ text: 'if (x)', file: null, line: null });
  expect(registers).toEqual([
    'R1=scalar(umax=4294967295,var_off=(0x0; 0xffffffff))',
    'R6=ctx(off=0,imm=0)',
    'R10=fp0',
    'fp-8=0000????',
  ]);
});

test('where the way goes on elsewhere, only what is known there counts', () => {
  const log = `0: R1=ctx() R10=fp0
0: (b7) r2 = 1                        ; R2_w=1
from 3 to 9: R0=map_value_or_null(id=1,map=counts,ks=4,vs=8) R10=fp0
9: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'`;
  const { registers, meaning } = parseVerifierLog('tested', log);
  expect(registers).toEqual(['R0=map_value_or_null(id=1,map=counts,ks=4,vs=8)', 'R10=fp0']);
  expect(meaning).toContain('may be NULL');
});

test('a refusal before the first instruction has only a message', () => {
  expect(parseVerifierLog('tested', 'unreachable insn 5\nprocessed 0 insns\n')).toMatchObject({
    message: 'unreachable insn 5',
    instruction: null,
    source: null,
    registers: [],
    before: [],
  });
  expect(parseVerifierLog('tested', '').message).toBe('no reason given');
});
