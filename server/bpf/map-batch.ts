import {
  bpf_map_delete_batch,
  bpf_map_delete_elem,
  bpf_map_update_batch,
  bpf_map_update_elem,
} from '../ffi/libbpf.ts';
import { BpfError, callAsync } from './syscall.ts';

/** BPF_F_LOCK: the value of an entry that is there is written in place, under its lock. */
const inPlace = 4;

/** Keys of one length, one behind the other. */
export interface MapKeys {
  count: number;
  keys: Buffer;
}
export interface MapEntries extends MapKeys {
  values: Buffer;
}

/** struct bpf_map_batch_opts (bpf/bpf.h): sz 0, elem_flags 8, flags 16. */
function options(elementFlags: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(24n, 0);
  bytes.writeBigUInt64LE(BigInt(elementFlags), 8);
  return bytes;
}

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);

/** A kernel without batches for this kind of map (before 5.6, or 5.12 for tries) answers one of these. */
const withoutBatches = (errno: number): boolean =>
  errno === 524 || ['EINVAL', 'EOPNOTSUPP'].includes(new BpfError('', errno).errnoName);

/**
 * Writes entries of a hash or trie off the event loop, in as few calls as the kernel allows.
 * @param locked whether values have a lock, under which those that are there are written in place
 * @throws BpfError, E2BIG or ENOSPC when the map is full: some may have been written
 */
export async function updateMapBatch(what: string, fd: number, entries: MapEntries, locked = false): Promise<void> {
  const { count, keys, values } = entries;
  if (count === 0) return;
  const done = u32(count);
  const flags = locked ? inPlace : 0;
  const answer = await callAsync(bpf_map_update_batch, fd, keys, values, done, options(flags));
  if (answer >= 0) return;
  if (!withoutBatches(-answer)) throw new BpfError(`write ${count} entries of ${what}`, -answer);
  const [keyBytes, valueBytes] = [keys.length / count, values.length / count];
  for (let i = 0; i < count; i += 1) {
    const key = keys.subarray(i * keyBytes, (i + 1) * keyBytes);
    const value = values.subarray(i * valueBytes, (i + 1) * valueBytes);
    const answer = bpf_map_update_elem(fd, key, value, flags);
    if (answer < 0) throw new BpfError(`write entry ${i} of ${count} of ${what}`, -answer);
  }
}

/** Deletes entries off the event loop. @throws BpfError; an entry that is not there is as well */
export async function deleteMapBatch(what: string, fd: number, { count, keys }: MapKeys): Promise<void> {
  const keyBytes = keys.length / count;
  for (let from = 0; from < count; ) {
    const done = u32(count - from);
    const rest = keys.subarray(from * keyBytes);
    const answer = await callAsync(bpf_map_delete_batch, fd, rest, done, options(0));
    if (answer >= 0) return;
    const { errnoName: reason } = new BpfError('', -answer);
    if (reason === 'ENOENT') {
      from += done.readUInt32LE() + 1;
      continue;
    }
    if (!withoutBatches(-answer)) throw new BpfError(`delete ${count} entries of ${what}`, -answer);
    for (; from < count; from += 1) {
      const answer = bpf_map_delete_elem(fd, keys.subarray(from * keyBytes, (from + 1) * keyBytes));
      if (answer < 0 && new BpfError('', -answer).errnoName !== 'ENOENT')
        throw new BpfError(`delete from ${what}`, -answer);
    }
  }
}
