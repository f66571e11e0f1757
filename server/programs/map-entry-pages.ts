import { setImmediate as breathe } from 'node:timers/promises';
import type { MapEntry, MapEntryPage, MapEntryQuery } from '../../contract/bpf-map.ts';
import { requireValue } from '../../contract/require-value.ts';
import { mapTypeName } from '../bpf/bpf-type-names.ts';
import {
  getMapLookupValueSize,
  getNextBpfMapKey,
  getPerCpuValueStride,
  isArrayMapType,
  isPerCpuMapType,
  lookUpBpfMapEntry,
} from '../bpf/map-access.ts';
import type { BpfMapInfo } from '../bpf/map-info.ts';
import { type BtfMapTypes, decodeMapKey, decodeTypedValue, formatMapKey } from './btf-map-types.ts';

/** Limits of one search of a map: entries and ms. A search that reaches one of them returns the matches so far. */
const mostScanned = 200_000;
const mostMs = 400;
/** Time in ms after which a walk over map entries yields to the event loop. */
const turnMs = 8;

/** A BPF map opened for reading, with its info and BTF types. */
export interface ReadableBpfMap {
  fd: number;
  info: BpfMapInfo;
  types: BtfMapTypes;
}

/** Returns the map entry of a key; null if it does not exist, or if `filled` is set and the value is all zeros. */
export function readBpfMapEntry(
  { fd, info, types }: ReadableBpfMap,
  key: Buffer,
  filled = false,
): MapEntry | null {
  const type = mapTypeName(info.type);
  const named = () => {
    const typed = decodeMapKey(types, key, isArrayMapType(type));
    return { key: typed, keyText: formatMapKey(types, type, key, typed), keyHex: key.toString('hex') };
  };
  try {
    const bytes = lookUpBpfMapEntry(fd, key, getMapLookupValueSize(info));
    if (bytes === null || (filled && bytes.every((byte) => byte === 0))) return null;
    const value = isPerCpuMapType(type)
      ? null
      : decodeTypedValue(types.btf, types.value, bytes.subarray(0, info.valueBytes));
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

function cpus(bytes: Buffer, info: BpfMapInfo, { btf, value }: BtfMapTypes): MapEntry['value'][] {
  const stride = getPerCpuValueStride(info);
  return Array.from({ length: bytes.length / stride }, (_, cpu) =>
    decodeTypedValue(btf, value, bytes.subarray(cpu * stride, cpu * stride + info.valueBytes)),
  );
}

/**
 * Yields the map entries after `cursor` in the kernel's order, or null for an all-zero value if `filled` is set.
 * Regularly yields to the event loop.
 */
export async function* walkMapEntries(
  map: ReadableBpfMap,
  cursor: Buffer | null,
  filled = false,
): AsyncGenerator<{ key: Buffer; entry: MapEntry | null }> {
  let turn = performance.now();
  // A hash that changes meanwhile may start over again and again: stop after twice its size.
  let left = 2 * map.info.maxEntries + 1;
  for (let key = getNextBpfMapKey(map.fd, cursor, map.info.keyBytes); key !== null && left > 0; left -= 1) {
    yield { key, entry: readBpfMapEntry(map, key, filled) };
    if (performance.now() - turn > turnMs) {
      await breathe();
      turn = performance.now();
    }
    key = getNextBpfMapKey(map.fd, key, map.info.keyBytes);
  }
}

/** Reads one page of the map entries that match the query. @throws BpfError */
export async function readBpfMapEntryPage(map: ReadableBpfMap, query: MapEntryQuery): Promise<MapEntryPage> {
  const wanted = query.search?.toLowerCase();
  const { cursor, note } = startOf(map, query.cursor);
  const items: MapEntry[] = [];
  const until = performance.now() + mostMs;
  let scanned = 0;
  let last: Buffer | null = null;
  for await (const { key, entry } of walkMapEntries(map, cursor, query.filled)) {
    // The page is full and there are more: the cursor of the next page is the last key.
    if (items.length === query.limit)
      return { items, next: requireValue(last, 'last key').toString('hex'), scanned, note };
    if (scanned >= mostScanned || performance.now() > until)
      return {
        items,
        next: requireValue(last, 'last key').toString('hex'),
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

/**
 * Returns the key after which a page starts, and a note if the key was deleted, because a hash map then starts from the
 * beginning.
 */
function startOf(
  map: ReadableBpfMap,
  cursor: string | undefined,
): { cursor: Buffer | null; note: string | null } {
  if (cursor === undefined) return { cursor: null, note: null };
  const key = Buffer.from(cursor, 'hex');
  if (key.length !== map.info.keyBytes)
    return { cursor: null, note: 'the cursor is no key of this map: starting over' };
  const there = isArrayMapType(mapTypeName(map.info.type)) || readBpfMapEntry(map, key) !== null;
  return there
    ? { cursor: key, note: null }
    : { cursor: null, note: 'the last entry of the previous page was deleted: starting over' };
}

const textOf = ({ keyText: text, key, keyHex, value, cpus: each }: MapEntry): string =>
  `${text} ${JSON.stringify(key)} ${keyHex} ${JSON.stringify(each ?? value)}`.toLowerCase();

/** Counts the entries of a map, up to the limit `most`. */
export function countMapEntries(
  { fd, info }: Pick<ReadableBpfMap, 'fd' | 'info'>,
  most: number,
): { entries: number; entriesAtLeast: boolean } {
  if (isArrayMapType(mapTypeName(info.type))) return { entries: info.maxEntries, entriesAtLeast: false };
  let entries = 0;
  for (
    let key = getNextBpfMapKey(fd, null, info.keyBytes);
    key !== null;
    key = getNextBpfMapKey(fd, key, info.keyBytes)
  ) {
    if (entries === most) return { entries, entriesAtLeast: true };
    entries += 1;
  }
  return { entries, entriesAtLeast: false };
}
