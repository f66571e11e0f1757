import { expect, test } from 'vitest';
import { Btf } from '../../../server/bpf/btf.ts';
import { btfSample as sample } from './btf-sample.ts';

test('finds types by kind and name, over types of every length', () => {
  const types = new Btf(sample);
  expect(types.typeCount).toBe(8);
  expect(types.find('typedef', 'last')?.id).toBe(8);
  expect(types.find('enum', 'last')).toBeNull();
  expect(types.find('enum', 'drop_reason')).toBeNull();
});

test('reads an enum and a tracepoint', () => {
  const types = new Btf(sample);
  expect(types.enumNames('skb_drop_reason')).toEqual(
    new Map([
      [0, 'NOT_DROPPED'],
      [-3, 'NO_SOCKET'],
    ]),
  );
  expect(types.tracepointParameters('kfree_skb')).toEqual({ id: 6, parameters: [2, 2, 3] });
  expect(types.tracepointParameters('no_such')).toBeNull();
});

test('what is no BTF, or cut short, is refused', () => {
  expect(() => new Btf(Buffer.alloc(24))).toThrow('not BTF');
  expect(() => new Btf(Buffer.alloc(3))).toThrow('not BTF');
  for (let length = 24; length < sample.length; length++)
    expect(() => new Btf(sample.subarray(0, length))).toThrow('BTF is truncated');
});
