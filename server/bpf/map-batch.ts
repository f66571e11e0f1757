import {
  bpf_map_delete_batch,
  bpf_map_delete_elem,
  bpf_map_update_batch,
  bpf_map_update_elem,
} from '../ffi/libbpf.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { callForeignAsync } from './syscall.ts';

/** BPF_F_LOCK, <linux/bpf.h>: updates the value of an existing entry in place under its spin lock. */
const BPF_F_LOCK = 4;
/** ENOTSUPP, an errno that is internal to the kernel and unknown to user space. */
const ENOTSUPP = 524;

/** Keys of a map, all of the same size, concatenated in one buffer. */
export interface BpfMapKeys {
  count: number;
  keys: Buffer;
}
export interface BpfMapEntryBatch extends BpfMapKeys {
  values: Buffer;
}

/** Encodes struct bpf_map_batch_opts, <bpf/bpf.h>: sz 0, elem_flags 8, flags 16. */
function options(elementFlags: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(24n, 0);
  bytes.writeBigUInt64LE(BigInt(elementFlags), 8);
  return bytes;
}

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);

/** True if the kernel has no batch operations for this type of map (before Linux 5.6, or 5.12 for LPM tries). */
const batchUnsupported = (result: number): boolean =>
  result === -ENOTSUPP || failedWithErrno(result, 'EINVAL', 'EOPNOTSUPP');

/**
 * Writes entries of a hash or trie off the event loop, in as few calls as the kernel allows.
 * @param map its name, for errors
 * @param locked true for values with a spin lock, under which existing ones are written in place
 * @throws BpfError E2BIG or ENOSPC when the map is full; some entries may have been written
 */
export async function updateMapBatch(
  map: string,
  fd: number,
  entries: BpfMapEntryBatch,
  locked = false,
): Promise<void> {
  const { count, keys, values } = entries;
  if (count === 0) return;
  const done = u32(count);
  const flags = locked ? BPF_F_LOCK : 0;
  const result = await callForeignAsync(bpf_map_update_batch, fd, keys, values, done, options(flags));
  if (!batchUnsupported(result)) {
    checkBpfResult(`write ${count} entries of ${map}`, result);
    return;
  }
  const [keyBytes, valueBytes] = [keys.length / count, values.length / count];
  for (let i = 0; i < count; i += 1) {
    const key = keys.subarray(i * keyBytes, (i + 1) * keyBytes);
    const value = values.subarray(i * valueBytes, (i + 1) * valueBytes);
    checkBpfResult(`write entry ${i} of ${count} of ${map}`, bpf_map_update_elem(fd, key, value, flags));
  }
}

/** Deletes map entries without blocking the event loop, ignoring missing keys. @throws BpfError */
export async function deleteMapBatch(map: string, fd: number, { count, keys }: BpfMapKeys): Promise<void> {
  const keyBytes = keys.length / count;
  for (let from = 0; from < count; ) {
    const done = u32(count - from);
    const rest = keys.subarray(from * keyBytes);
    const result = await callForeignAsync(bpf_map_delete_batch, fd, rest, done, options(0));
    if (failedWithErrno(result, 'ENOENT')) {
      from += done.readUInt32LE() + 1;
      continue;
    }
    if (!batchUnsupported(result)) {
      checkBpfResult(`delete ${count} entries of ${map}`, result);
      return;
    }
    for (; from < count; from += 1) {
      const deleted = bpf_map_delete_elem(fd, keys.subarray(from * keyBytes, (from + 1) * keyBytes));
      if (!failedWithErrno(deleted, 'ENOENT')) checkBpfResult(`delete from ${map}`, deleted);
    }
  }
}
