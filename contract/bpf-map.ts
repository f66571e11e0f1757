import { z } from 'zod';
import { bpfObjectHolderSchema, bpfOwnerSchema } from './program.ts';

/** BTF type of a map's keys or values. */
export const btfTypeTextSchema = z.object({
  name: z.string().describe('struct podlane_slot, __u32, …'),
  declaration: z.string().describe('in C, with nested types expanded'),
});

/** A BPF map of the node, described by bpf_map_info. */
export const bpfMapSchema = z.object({
  id: z.number().int(),
  type: z.string().describe('bpftool’s name: hash, lru_hash, lpm_trie, percpu_array, ringbuf, …'),
  name: z.string(),
  keyBytes: z.number().int(),
  valueBytes: z.number().int().describe('size of the value; of one CPU for per-CPU maps'),
  maxEntries: z.number().int(),
  flags: z.number().int(),
  flagNames: z.array(z.string()).describe('no_prealloc, mmapable, rdonly_prog, …'),
  memoryBytes: z.number().int().nullable(),
  entries: z.number().int().nullable().describe('number of entries; null if not counted'),
  entriesAtLeast: z.boolean().describe('true if counting stopped at a limit'),
  notListed: z.string().nullable().describe('why its entries cannot be listed; null if they can'),
  frozen: z.boolean().nullable(),
  btfId: z.number().int().nullable(),
  pins: z.array(z.string()),
  owner: bpfOwnerSchema,
  holders: z.array(bpfObjectHolderSchema),
  programIds: z.array(z.number().int()).describe('programs that use it'),
  perCpu: z.boolean(),
  editNote: z.string().nullable().describe('note for editing; null if it cannot be edited'),
  notEditable: z
    .string()
    .nullable()
    .describe('why its entries cannot be edited; null if an admin may edit them'),
});
export type BpfMap = z.infer<typeof bpfMapSchema>;

/** All BPF maps, without their numbers of entries, which are counted only for single maps. */
export const bpfMapListSchema = z.object({
  items: z.array(bpfMapSchema).describe('Podlane’s first, then by id'),
});

/** A map with the BTF types of its keys and values. */
export const bpfMapDetailSchema = bpfMapSchema.extend({
  keyType: btfTypeTextSchema.nullable(),
  valueType: btfTypeTextSchema.nullable(),
  untyped: z.string().nullable().describe('Why types are missing'),
});
export type BpfMapDetail = z.infer<typeof bpfMapDetailSchema>;

/**
 * A value decoded by its type: structs and unions as objects, arrays as arrays, arrays of char as text, enums by name,
 * integers as numbers (beyond 2^53 as decimal text), pointers as hex. Without a type: hex text, `0x…`.
 */
export const typedMapValueSchema = z.unknown();

export const mapEntrySchema = z.object({
  key: typedMapValueSchema,
  keyText: z.string().describe('key on one line; for an LPM trie the prefix, 10.0.0.0/8'),
  keyHex: z.string().describe('key bytes in memory order; identifies the entry'),
  value: typedMapValueSchema.describe('null for per-CPU maps'),
  cpus: z.array(typedMapValueSchema).nullable().describe('values by CPU; null unless the map is per CPU'),
  valueHex: z.string().describe('value bytes; for per-CPU maps of all CPUs in order'),
  unread: z.string().nullable().describe('Why the value could not be read'),
});
export type MapEntry = z.infer<typeof mapEntrySchema>;

const hexBytes = z.string().regex(/^([0-9a-f]{2}){1,4096}$/, 'not bytes in hex');

export const mapEntryQuerySchema = z.strictObject({
  search: z.string().max(128).optional().describe('text in the displayed key or value, case-insensitive'),
  filled: z.stringbool().default(false).describe('omits entries whose value is all zeros'),
  cursor: hexBytes.optional().describe('`next` of the previous page'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
export type MapEntryQuery = z.infer<typeof mapEntryQuerySchema>;

export const mapEntryPageSchema = z.object({
  items: z
    .array(mapEntrySchema)
    .describe('in the kernel’s order; concurrent changes may or may not be included'),
  next: z.string().nullable().describe('Value of `cursor` for the next page; null on the last page'),
  scanned: z.number().int().describe('number of entries searched'),
  note: z
    .string()
    .nullable()
    .describe(
      'set if the search stopped at its limit, or started over because the cursor’s entry was deleted',
    ),
});
export type MapEntryPage = z.infer<typeof mapEntryPageSchema>;

/** A map entry to write. Key and value have the form that `GET` returns, and are checked against their BTF types. */
export const newMapEntrySchema = z.strictObject({ key: typedMapValueSchema, value: typedMapValueSchema });
export const mapEntryKeySchema = z.strictObject({ key: hexBytes.describe('`keyHex` of the entry') });
