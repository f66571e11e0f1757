import {
  bpf_map_delete_elem,
  bpf_map_lookup_batch,
  bpf_map_update_elem,
  libbpf_num_possible_cpus,
} from '../ffi/libbpf.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { readBpfMapInfo } from './map-info.ts';

/** BPF_MAP_TYPE_PERCPU_HASH, <linux/bpf.h>. */
const perCpuHash = 5;
/** Number of entries per batch lookup. The kernel fails with ENOSPC if a bucket has more. */
const batchEntries = 512;

/** A BPF hash map, optionally per CPU. The caller owns the descriptor. */
export class BpfHashMap {
  readonly fd: number;
  readonly name: string;
  readonly #keyBytes: number;
  /** Size of a map value in bytes; for a per-CPU map, of the values of all CPUs, each padded to a multiple of 8. */
  readonly #valueBytes: number;

  constructor(fd: number, name: string) {
    const info = readBpfMapInfo(fd);
    this.fd = fd;
    this.name = name;
    this.#keyBytes = info.keyBytes;
    this.#valueBytes =
      info.type === perCpuHash
        ? Math.ceil(info.valueBytes / 8) * 8 * libbpf_num_possible_cpus()
        : info.valueBytes;
  }

  /** Writes an entry of a hash map. @throws BpfError E2BIG if the map is full */
  set(key: Buffer, value: Buffer): void {
    if (key.length !== this.#keyBytes || value.length !== this.#valueBytes)
      throw new RangeError(`${this.name}: a key of ${key.length}, a value of ${value.length} bytes`);
    checkBpfResult(`write ${this.name}`, bpf_map_update_elem(this.fd, key, value, 0));
  }

  /** Deletes an entry of a hash map; does nothing if there is none. */
  delete(key: Buffer): void {
    const result = bpf_map_delete_elem(this.fd, key);
    if (!failedWithErrno(result, 'ENOENT')) checkBpfResult(`delete from ${this.name}`, result);
  }

  /**
   * Reads all entries in batches; those that change meanwhile may be missing. Per-CPU values are concatenated.
   */
  entries(): [key: Buffer, value: Buffer][] {
    const found: [Buffer, Buffer][] = [];
    const [place, count] = [Buffer.alloc(4), Buffer.alloc(4)];
    for (let from: Buffer | null = null, last = false; !last; from = place) {
      const [keys, values] = [
        Buffer.alloc(batchEntries * this.#keyBytes),
        Buffer.alloc(batchEntries * this.#valueBytes),
      ];
      count.writeUInt32LE(batchEntries);
      const result = bpf_map_lookup_batch(this.fd, from, place, keys, values, count, null);
      last = failedWithErrno(result, 'ENOENT');
      if (!last) checkBpfResult(`read ${this.name}`, result);
      for (let i = 0; i < count.readUInt32LE(); i += 1)
        found.push([
          keys.subarray(i * this.#keyBytes, (i + 1) * this.#keyBytes),
          values.subarray(i * this.#valueBytes, (i + 1) * this.#valueBytes),
        ]);
    }
    return found;
  }
}
