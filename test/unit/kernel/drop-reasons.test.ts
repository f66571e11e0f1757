import { expect, test } from 'vitest';
import type { Btf } from '../../../server/bpf/btf.ts';
import { readKernelDropReasons } from '../../../server/kernel/drop-reasons.ts';

/** A kernel with these types, as `Btf` would read them. */
const kernel = (parameters: number) =>
  ({
    enumNames: (name) =>
      new Map<number, string>(
        name === 'skb_drop_reason'
          ? [
              [0, 'SKB_NOT_DROPPED_YET'],
              [1, 'SKB_CONSUMED'],
              [3, 'SKB_DROP_REASON_NO_SOCKET'],
            ]
          : [[3, 'SKB_DROP_REASON_SUBSYS_OPENVSWITCH']],
      ),
    tracepointParameters: () => ({ id: 1, parameters: Array<number>(parameters).fill(2) }),
  }) satisfies Partial<Btf> as unknown as Btf;

test.each([
  [3, 'NO_SOCKET'],
  [200, 'REASON_200'],
  [0x0003_0002, 'OPENVSWITCH_2'],
  [0x0009_0001, 'SUBSYSTEM_9_1'],
  [0, null],
  [1, null],
])('reason %i is called %s', (reason, name) => {
  expect(readKernelDropReasons(kernel(4)).name(reason)).toBe(name);
});

test('there is a receiving socket if the tracepoint has a fourth argument', () => {
  expect([4, 5].map((parameters) => readKernelDropReasons(kernel(parameters)).hasReceiverSocket)).toEqual([
    false,
    true,
  ]);
});

test('a kernel without reasons gives numbers', () => {
  const reasons = readKernelDropReasons({
    enumNames: () => null,
    tracepointParameters: () => null,
  } satisfies Partial<Btf> as unknown as Btf);
  expect([reasons.name(3), reasons.hasReceiverSocket]).toEqual(['REASON_3', false]);
});
