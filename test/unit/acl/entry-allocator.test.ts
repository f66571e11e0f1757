import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RuleEntryAllocator } from '../../../server/acl/tables/entry-allocator.ts';
import type { PolicyTableEntry } from '../../../server/acl/tables/policy-tables.ts';
import { ruleEntrySize } from '../../../server/bpf/rule-layout.ts';

const entriesOf = (count: number): PolicyTableEntry[] =>
  Array.from({ length: count }, (_, port) => ({
    protocol: 6,
    port,
    length: 16,
    verdict: 'allow',
    rule: 1,
    log: 0,
  }));

test('lists never overlap, and freed extents are merged and allocated again', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -20, max: 40 }), { maxLength: 60 }), (steps) => {
      const memory = new ArrayBuffer(300 * ruleEntrySize);
      const allocator = new RuleEntryAllocator(() => memory, memory.byteLength / ruleEntrySize);
      const lists: [index: number, count: number][] = [];
      for (const step of steps) {
        const place = -step % Math.max(1, lists.length);
        if (step <= 0) for (const [index, count] of lists.splice(place, 1)) allocator.free(index, count);
        else {
          const index = allocator.allocate(entriesOf(step));
          if (index !== null) lists.push([index, step]);
        }
        const sorted = lists.toSorted(([a], [b]) => a - b);
        sorted.forEach(([index, count], i) => {
          expect(index).toBeGreaterThan(0);
          expect(allocator.entryCountAt(index)).toBe(count);
          expect(index + count).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? 300);
        });
        expect(allocator.freeEntries).toBe(299 - lists.reduce((sum, [, count]) => sum + count, 0));
        // A restarted agent finds the same free entries.
        const next = new RuleEntryAllocator(() => memory, memory.byteLength / ruleEntrySize);
        for (const [index] of lists) next.reserve(index);
        expect(next.freeEntries).toBe(allocator.freeEntries);
      }
      for (const [index, count] of lists) allocator.free(index, count);
      expect(allocator.allocate(entriesOf(299))).toBe(1);
      expect(allocator.allocate(entriesOf(1))).toBeNull();
    }),
  );
});

test('an entry has the layout of bpf/rule-layout.h, with the offset of the entry that encloses it', () => {
  const memory = new ArrayBuffer(10 * ruleEntrySize);
  const allocator = new RuleEntryAllocator(() => memory, memory.byteLength / ruleEntrySize);
  allocator.allocate([
    { protocol: 0, port: 0, length: 0, verdict: 'deny', rule: 0, log: 9 },
    { protocol: 6, port: 0, length: 1, verdict: 'default', rule: 0, log: 0 },
    { protocol: 6, port: 80, length: 16, verdict: 'allow', rule: 0x1234, log: 2 },
    { protocol: 17, port: 53, length: 16, verdict: 'allow', rule: 3, log: 0 },
  ]);
  const hex = (i: number) => Buffer.from(memory, i * ruleEntrySize, ruleEntrySize).toString('hex');
  const hits = '00'.repeat(8);
  expect(hex(1)).toBe(`${'00000000'}${'00000000'}${'04000001'}${'0000'}${'0900'}${hits}`);
  expect(hex(2)).toBe(`${'00000600'}${'0080ffff'}${'00000002'}${'0000'}${'0000'}${hits}`);
  expect(hex(3)).toBe(`${'50000600'}${'ffffff00'}${'01000000'}${'3412'}${'0200'}${hits}`);
  expect(hex(4)).toBe(`${'35001100'}${'ffffff00'}${'00000000'}${'0300'}${'0000'}${hits}`);
});
