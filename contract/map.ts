import { z } from 'zod';
import { bpfOwner, holder } from './program.ts';

/** A type of BTF, told once for all entries. */
export const typeText = z.object({
  name: z.string().describe('struct podlane_slot, __u32, …'),
  declaration: z.string().describe('in C, members of members written out'),
});

/** An eBPF map of the node, as bpf_map_info tells it. */
export const bpfMap = z.object({
  id: z.number().int(),
  type: z.string().describe('as bpftool names it: hash, lru_hash, lpm_trie, percpu_array, ringbuf, …'),
  name: z.string(),
  keyBytes: z.number().int(),
  valueBytes: z.number().int().describe('of one CPU’s value, where it has one for each'),
  maxEntries: z.number().int(),
  flags: z.number().int(),
  flagNames: z.array(z.string()).describe('no_prealloc, mmapable, rdonly_prog, …'),
  memoryBytes: z.number().int().nullable(),
  entries: z.number().int().nullable().describe('filled ones; of an array all; null where not counted'),
  entriesAtLeast: z.boolean().describe('counting ended at a bound: there are more'),
  notListed: z.string().nullable().describe('why its entries cannot be listed; null where they can'),
  frozen: z.boolean().nullable(),
  btfId: z.number().int().nullable(),
  pins: z.array(z.string()),
  owner: bpfOwner,
  holders: z.array(holder),
  programIds: z.array(z.number().int()).describe('of programs that use it'),
  perCpu: z.boolean(),
  editNote: z.string().nullable().describe('what to know before editing; null where it cannot be edited'),
  notEditable: z
    .string()
    .nullable()
    .describe('why its entries cannot be edited here; null where an admin may'),
});
export type BpfMap = z.infer<typeof bpfMap>;

/** Without the number of entries, which is counted for one map alone. */
export const bpfMapList = z.object({ items: z.array(bpfMap).describe('ours first, then by id') });

/** One of it, with the types of its keys and values where it has BTF. */
export const bpfMapDetail = bpfMap.extend({
  keyType: typeText.nullable(),
  valueType: typeText.nullable(),
  untyped: z.string().nullable().describe('why there are no types'),
});
export type BpfMapDetail = z.infer<typeof bpfMapDetail>;

/**
 * A value by its type: struct and union as objects, arrays as arrays, arrays of char as text, enums by their names,
 * integers as numbers (as decimal text beyond 2^53), pointers as hex. Without a type: hex text, `0x…`.
 */
export const typedValue = z.unknown();

export const mapEntry = z.object({
  key: typedValue,
  keyText: z.string().describe('on one line; of an LPM trie the prefix, 10.0.0.0/8'),
  keyHex: z.string().describe('the bytes as they lie in memory: names the entry'),
  value: typedValue.describe('null where there is one for each CPU'),
  cpus: z.array(typedValue).nullable().describe('the values by CPU, in order'),
  valueHex: z.string().describe('of all CPUs, one behind the other'),
  unread: z.string().nullable().describe('why the value could not be read'),
});
export type MapEntry = z.infer<typeof mapEntry>;

const hexBytes = z.string().regex(/^([0-9a-f]{2}){1,4096}$/, 'not bytes in hex');

export const entryQuery = z.strictObject({
  search: z.string().max(128).optional().describe('text in the key or the value as shown, any case'),
  filled: z.stringbool().default(false).describe('leaves out values that are all zero'),
  cursor: hexBytes.optional().describe('`next` of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
export type EntryQuery = z.infer<typeof entryQuery>;

export const entryPage = z.object({
  items: z.array(mapEntry).describe('in the kernel’s order; what changes meanwhile may be there or not'),
  next: z.string().nullable().describe('pass as `cursor` for the next page; null at the end'),
  scanned: z.number().int().describe('entries looked at'),
  note: z
    .string()
    .nullable()
    .describe('the search stopped at its bound, or the page began again since its cursor’s entry is gone'),
});
export type EntryPage = z.infer<typeof entryPage>;

/** Writes one entry; key and value as `GET` tells them, checked against their types. */
export const newEntry = z.strictObject({ key: typedValue, value: typedValue });
export const entryKey = z.strictObject({ key: hexBytes.describe('`keyHex` of the entry') });
