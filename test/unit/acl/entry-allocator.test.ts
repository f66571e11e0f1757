import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EntryAllocator } from '../../../server/acl/tables/entry-allocator.ts';
import type { TableEntry } from '../../../server/acl/tables/policy-tables.ts';
import { ruleEntryBytes } from '../../../server/bpf/rule-layout.ts';

const rowOf = (count: number): TableEntry[] =>
  Array.from({ length: count }, (_, port) => ({
    protocol: 6,
    port,
    length: 16,
    verdict: 'allow',
    rule: 1,
    log: 0,
  }));

test('rows never overlap, and what is removed can be had again, whole', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -20, max: 40 }), { maxLength: 60 }), (steps) => {
      const memory = new ArrayBuffer(300 * ruleEntryBytes);
      const arena = new EntryAllocator(memory);
      const rows: [index: number, count: number][] = [];
      for (const step of steps) {
        const place = -step % Math.max(1, rows.length);
        if (step <= 0) for (const [index, count] of rows.splice(place, 1)) arena.free(index, count);
        else {
          const index = arena.allocate(rowOf(step));
          if (index !== null) rows.push([index, step]);
        }
        const sorted = rows.toSorted(([a], [b]) => a - b);
        sorted.forEach(([index, count], i) => {
          expect(index).toBeGreaterThan(0);
          expect(arena.entryCountAt(index)).toBe(count);
          expect(index + count).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? 300);
        });
        expect(arena.freeEntries).toBe(299 - rows.reduce((sum, [, count]) => sum + count, 0));
        // The next agent finds the same room.
        const next = new EntryAllocator(memory);
        for (const [index] of rows) next.reserve(index);
        expect(next.freeEntries).toBe(arena.freeEntries);
      }
      for (const [index, count] of rows) arena.free(index, count);
      expect(arena.allocate(rowOf(299))).toBe(1);
      expect(arena.allocate(rowOf(1))).toBeNull();
    }),
  );
});

test('an entry is bytes as bpf/rule-layout.h says, and leads to the one around it', () => {
  const memory = new ArrayBuffer(10 * ruleEntryBytes);
  const arena = new EntryAllocator(memory);
  arena.allocate([
    { protocol: 0, port: 0, length: 0, verdict: 'deny', rule: 0, log: 9 },
    { protocol: 6, port: 0, length: 1, verdict: 'default', rule: 0, log: 0 },
    { protocol: 6, port: 80, length: 16, verdict: 'allow', rule: 0x1234, log: 2 },
    { protocol: 17, port: 53, length: 16, verdict: 'allow', rule: 3, log: 0 },
  ]);
  const hex = (i: number) => Buffer.from(memory, i * ruleEntryBytes, ruleEntryBytes).toString('hex');
  const hits = '00'.repeat(8);
  expect(hex(1)).toBe(`${'00000000'}${'00000000'}${'04000001'}${'0000'}${'0900'}${hits}`);
  expect(hex(2)).toBe(`${'00000600'}${'0080ffff'}${'00000002'}${'0000'}${'0000'}${hits}`);
  expect(hex(3)).toBe(`${'50000600'}${'ffffff00'}${'01000000'}${'3412'}${'0200'}${hits}`);
  expect(hex(4)).toBe(`${'35001100'}${'ffffff00'}${'00000000'}${'0300'}${'0000'}${hits}`);
});
