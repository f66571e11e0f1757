import {
  bpf_map_delete_elem,
  bpf_map_get_next_key,
  bpf_map_lookup_elem,
  bpf_map_update_elem,
  libbpf_num_possible_cpus,
} from '../ffi/libbpf.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { mapTypeName } from './bpf-type-names.ts';
import type { BpfMapInfo } from './map-info.ts';

const arrays = new Set([
  'array',
  'percpu_array',
  'prog_array',
  'array_of_maps',
  'perf_event_array',
  'cgroup_array',
]);
const perCpu = new Set(['percpu_hash', 'lru_percpu_hash', 'percpu_array', 'percpu_cgroup_storage']);

/** Explains why the entries of a map type cannot be listed; null if they can. */
export function explainUnlistableMapType(type: string): string | null {
  if (type === 'ringbuf' || type === 'user_ringbuf')
    return 'a ring buffer holds records, and reading removes them';
  if (type === 'queue' || type === 'stack') return `a ${type} has no keys, and reading removes its values`;
  if (type === 'bloom_filter') return 'a bloom filter does not store the values added to it';
  if (type === 'arena') return 'an arena is memory without entries';
  if (/_storage$/.test(type))
    return `values of a ${type} map are attached to sockets, tasks, inodes or cgroups`;
  if (type === 'struct_ops') return 'it holds the functions of a kernel interface, not entries';
  if (type === 'unspec' || type.startsWith('type ')) return 'an unknown map type';
  return null;
}

export const isArrayMapType = (type: string): boolean => arrays.has(type);
export const isPerCpuMapType = (type: string): boolean => perCpu.has(type);

/** Returns the distance in bytes between the values of two CPUs in a per-CPU lookup: the value size padded to 8. */
export const getPerCpuValueStride = (info: Pick<BpfMapInfo, 'valueBytes'>): number =>
  Math.ceil(info.valueBytes / 8) * 8;

/** Returns the size of a lookup result in bytes; for a per-CPU map it has the padded values of all possible CPUs. */
export const getMapLookupValueSize = (info: Pick<BpfMapInfo, 'type' | 'valueBytes'>): number => {
  const type = mapTypeName(info.type);
  if (isPerCpuMapType(type)) return getPerCpuValueStride(info) * libbpf_num_possible_cpus();
  // A lookup returns the ids of programs and maps, and fails for cgroups and perf events.
  return Math.max(4, info.valueBytes);
};

/**
 * Returns the key after `key` in the kernel's order, or the first one for null; null after the last. A hash map whose
 * `key` was deleted starts over. @throws BpfError
 */
export function getNextBpfMapKey(fd: number, key: Buffer | null, keyBytes: number): Buffer | null {
  const next = Buffer.alloc(keyBytes);
  const result = bpf_map_get_next_key(fd, key, next);
  if (failedWithErrno(result, 'ENOENT')) return null;
  checkBpfResult('list the keys of a map', result);
  return next;
}

/**
 * Looks up the value of a map key; null if there is no entry.
 * @throws BpfError EOPNOTSUPP for an unreadable map type
 */
export function lookUpBpfMapEntry(fd: number, key: Buffer, bytes: number): Buffer | null {
  const value = Buffer.alloc(bytes);
  const result = bpf_map_lookup_elem(fd, key, value);
  if (failedWithErrno(result, 'ENOENT')) return null;
  checkBpfResult('read an entry of a map', result);
  return value;
}

/** Writes a map entry. @throws BpfError E2BIG if the map is full */
export const writeBpfMapEntry = (operation: string, fd: number, key: Buffer, value: Buffer): void => {
  checkBpfResult(operation, bpf_map_update_elem(fd, key, value, 0));
};

/** Deletes a map entry. @returns false if there was none @throws BpfError EINVAL for an array map */
export function deleteBpfMapEntry(operation: string, fd: number, key: Buffer): boolean {
  const result = bpf_map_delete_elem(fd, key);
  if (failedWithErrno(result, 'ENOENT')) return false;
  checkBpfResult(operation, result);
  return true;
}
