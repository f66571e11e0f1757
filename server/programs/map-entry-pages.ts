import { setImmediate as breathe } from 'node:timers/promises';
import type { EntryPage, EntryQuery, MapEntry } from '../../contract/map.ts';
import {
  isArrayMapType,
  isPerCpuMapType,
  lookUpMapEntry,
  lookupValueBytes,
  nextMapKey,
  perCpuValueStride,
} from '../bpf/map-entries.ts';
import type { MapInfo } from '../bpf/map-info.ts';
import { mapTypeName } from '../bpf/type-names.ts';
import { decodeKey, decodeTyped, formatKey, type MapTypes } from './map-types.ts';

/** A search looks at so many entries, and for so long, before it answers what it has. */
const mostScanned = 200_000;
const mostMs = 400;
/** Samples and other requests have their turn after so many milliseconds. */
const turnMs = 8;

/** One map open for reading. */
export interface ReadableMap {
  fd: number;
  info: MapInfo;
  types: MapTypes;
}

/** The entry of a key; null where there is none (any more), or with `filled`, where its value is all zero. */
export function readEntry({ fd, info, types }: ReadableMap, key: Buffer, filled = false): MapEntry | null {
  const type = mapTypeName(info.type);
  const named = () => {
    const typed = decodeKey(types, key, isArrayMapType(type));
    return { key: typed, keyText: formatKey(types, type, key, typed), keyHex: key.toString('hex') };
  };
  try {
    const bytes = lookUpMapEntry(fd, key, lookupValueBytes(info));
    if (bytes === null || (filled && bytes.every((byte) => byte === 0))) return null;
    const value = isPerCpuMapType(type)
      ? null
      : decodeTyped(types.btf, types.value, bytes.subarray(0, info.valueBytes));
    return {
      ...named(),
      value,
      cpus: isPerCpuMapType(type) ? cpus(bytes, info, types) : null,
      valueHex: bytes.toString('hex'),
      unread: null,
    };
  } catch (error) {
    return { ...named(), value: null, cpus: null, valueHex: '', unread: (error as Error).message };
  }
}

function cpus(bytes: Buffer, info: MapInfo, { btf, value }: MapTypes): MapEntry['value'][] {
  const stride = perCpuValueStride(info);
  return Array.from({ length: bytes.length / stride }, (_, cpu) =>
    decodeTyped(btf, value, bytes.subarray(cpu * stride, cpu * stride + info.valueBytes)),
  );
}

/** Entries in the kernel's order, from behind `cursor`, with `filled` null for zeros; gives way to others from time to time. */
export async function* walkEntries(
  map: ReadableMap,
  cursor: Buffer | null,
  filled = false,
): AsyncGenerator<{ key: Buffer; entry: MapEntry | null }> {
  let turn = performance.now();
  // A hash that changes meanwhile may begin again and again: no more than it can hold twice.
  let left = 2 * map.info.maxEntries + 1;
  for (let key = nextMapKey(map.fd, cursor, map.info.keyBytes); key !== null && left > 0; left -= 1) {
    yield { key, entry: readEntry(map, key, filled) };
    if (performance.now() - turn > turnMs) {
      await breathe();
      turn = performance.now();
    }
    key = nextMapKey(map.fd, key, map.info.keyBytes);
  }
}

/** One page; what does not match is looked at and left out. @throws BpfRefusal */
export async function readEntryPage(map: ReadableMap, query: EntryQuery): Promise<EntryPage> {
  const wanted = query.search?.toLowerCase();
  const { cursor, note } = startOf(map, query.cursor);
  const items: MapEntry[] = [];
  const until = performance.now() + mostMs;
  let scanned = 0;
  let last: Buffer | null = null;
  for await (const { key, entry } of walkEntries(map, cursor, query.filled)) {
    // The page is full, and there is one more: what is behind it is asked for with its last key.
    if (items.length === query.limit) return { items, next: last!.toString('hex'), scanned, note };
    if (scanned >= mostScanned || performance.now() > until)
      return {
        items,
        next: last!.toString('hex'),
        scanned,
        note: `looked at ${scanned} entries of up to ${map.info.maxEntries}: ask for the next page to go on`,
      };
    last = key;
    scanned += 1;
    if (entry === null) continue;
    if (wanted === undefined || textOf(entry).includes(wanted)) items.push(entry);
  }
  return { items, next: null, scanned, note };
}

/** A hash begins again behind a key that is gone, which must not be taken for going on. */
function startOf(
  map: ReadableMap,
  cursor: string | undefined,
): { cursor: Buffer | null; note: string | null } {
  if (cursor === undefined) return { cursor: null, note: null };
  const key = Buffer.from(cursor, 'hex');
  if (key.length !== map.info.keyBytes)
    return { cursor: null, note: `the cursor is no key of this map: from its beginning` };
  const there = isArrayMapType(mapTypeName(map.info.type)) || readEntry(map, key) !== null;
  return there
    ? { cursor: key, note: null }
    : { cursor: null, note: 'the entry that the page before ended with is gone: from the beginning' };
}

const textOf = ({ keyText: text, key, keyHex, value, cpus: each }: MapEntry): string =>
  `${text} ${JSON.stringify(key)} ${keyHex} ${JSON.stringify(each ?? value)}`.toLowerCase();

/** How many entries there are, as far as so many can be counted. */
export function countEntries(
  { fd, info }: Pick<ReadableMap, 'fd' | 'info'>,
  most: number,
): { entries: number; entriesAtLeast: boolean } {
  if (isArrayMapType(mapTypeName(info.type))) return { entries: info.maxEntries, entriesAtLeast: false };
  let entries = 0;
  for (
    let key = nextMapKey(fd, null, info.keyBytes);
    key !== null;
    key = nextMapKey(fd, key, info.keyBytes)
  ) {
    if (entries === most) return { entries, entriesAtLeast: true };
    entries += 1;
  }
  return { entries, entriesAtLeast: false };
}
