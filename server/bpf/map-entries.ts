import {
  bpf_map_delete_elem,
  bpf_map_get_next_key,
  bpf_map_lookup_elem,
  bpf_map_update_elem,
  libbpf_num_possible_cpus,
} from '../ffi/libbpf.ts';
import { checkResult, BpfError } from './syscall.ts';
import type { MapInfo } from './array-map.ts';
import { mapTypeName } from './type-names.ts';

const arrays = new Set([
  'array',
  'percpu_array',
  'prog_array',
  'array_of_maps',
  'perf_event_array',
  'cgroup_array',
]);
const perCpu = new Set(['percpu_hash', 'lru_percpu_hash', 'percpu_array', 'percpu_cgroup_storage']);

/** Why the entries of a map of this type cannot be walked; null where they can (get_next_key, lookup). */
export function whyNotListable(type: string): string | null {
  if (type === 'ringbuf' || type === 'user_ringbuf')
    return 'a ring buffer holds records, which reading takes out';
  if (type === 'queue' || type === 'stack') return `a ${type} has no keys: reading takes its values out`;
  if (type === 'bloom_filter') return 'a bloom filter does not keep what was put in';
  if (type === 'arena') return 'an arena is memory without entries';
  if (/_storage$/.test(type))
    return `values of a ${type} map hang on sockets, tasks, inodes or cgroups, one each`;
  if (type === 'struct_ops') return 'it holds the functions of a kernel interface, not entries';
  if (type === 'unspec' || type.startsWith('type ')) return 'a type of map that is not known here';
  return null;
}

export const isArrayMapType = (type: string): boolean => arrays.has(type);
export const isPerCpuMapType = (type: string): boolean => perCpu.has(type);

/** Bytes of one CPU's value in what the kernel answers for all CPUs. */
export const perCpuValueStride = (info: Pick<MapInfo, 'valueBytes'>): number => Math.ceil(info.valueBytes / 8) * 8;

/** Bytes that a lookup answers: of per-CPU maps the values of all possible CPUs, each rounded up to 8. */
export const lookupValueBytes = (info: Pick<MapInfo, 'type' | 'valueBytes'>): number => {
  const type = mapTypeName(info.type);
  if (isPerCpuMapType(type)) return perCpuValueStride(info) * libbpf_num_possible_cpus();
  // Programs and maps are answered by their ids, cgroups and perf events not at all.
  return Math.max(4, info.valueBytes);
};

/**
 * The key behind `key` in the kernel's order, null behind the last; `key` null: the first. A hash whose `key` is
 * gone begins again: see `hasKey`. @throws BpfError
 */
export function nextMapKey(fd: number, key: Buffer | null, keyBytes: number): Buffer | null {
  const next = Buffer.alloc(keyBytes);
  const answer = bpf_map_get_next_key(fd, key, next);
  if (answer < 0 && new BpfError('', -answer).errnoName === 'ENOENT') return null;
  checkResult('walk the keys of a map', answer);
  return next;
}

/** The value of a key, or null where there is none. @throws BpfError EOPNOTSUPP of maps that cannot be read */
export function lookUpMapEntry(fd: number, key: Buffer, bytes: number): Buffer | null {
  const value = Buffer.alloc(bytes);
  const answer = bpf_map_lookup_elem(fd, key, value);
  if (answer < 0 && new BpfError('', -answer).errnoName === 'ENOENT') return null;
  checkResult('read an entry of a map', answer);
  return value;
}

/** @throws BpfError, E2BIG when the map is full */
export const writeMapEntry = (tried: string, fd: number, key: Buffer, value: Buffer): void => {
  checkResult(tried, bpf_map_update_elem(fd, key, value, 0));
};

/** @returns whether there was one @throws BpfError, EINVAL of an array */
export function deleteMapEntry(tried: string, fd: number, key: Buffer): boolean {
  const answer = bpf_map_delete_elem(fd, key);
  if (answer < 0 && new BpfError('', -answer).errnoName === 'ENOENT') return false;
  checkResult(tried, answer);
  return true;
}
