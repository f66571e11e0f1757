import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_map_create, bpf_map_lookup_elem, bpf_map_update_elem } from '../ffi/libbpf.ts';
import { checkBpfResult } from './bpf-error.ts';

/** A BPF array map with one value per index. The caller owns the descriptor. */
export class BpfArrayMap {
  readonly fd: number;
  readonly name: string;
  readonly valueBytes: number;
  constructor(fd: number, name: string, valueBytes: number) {
    this.fd = fd;
    this.name = name;
    this.valueBytes = valueBytes;
  }

  #key(index: number): Buffer {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(index);
    return key;
  }

  get(index: number): Buffer {
    const value = Buffer.alloc(this.valueBytes);
    checkBpfResult(`read ${this.name}[${index}]`, bpf_map_lookup_elem(this.fd, this.#key(index), value));
    return value;
  }

  /** Writes a value of an array map. A program that reads it at the same time may see a partly written value. */
  set(index: number, value: Buffer): void {
    if (value.length !== this.valueBytes)
      throw new RangeError(`${this.name}: ${value.length} bytes, not ${this.valueBytes}`);
    checkBpfResult(`write ${this.name}[${index}]`, bpf_map_update_elem(this.fd, this.#key(index), value, 0));
  }
}

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_MMAPABLE = 1 << 10;

/** Creates a BPF array map that can be memory-mapped (BPF_F_MMAPABLE). @returns its descriptor @throws BpfError */
export function createMmapableArrayMap(name: string, valueBytes: number, entries: number): number {
  // struct bpf_map_create_opts (bpf/bpf.h): sz 0, map_flags 28.
  const options = Buffer.alloc(48);
  options.writeBigUInt64LE(48n, 0);
  options.writeUInt32LE(BPF_F_MMAPABLE, 28);
  const fd = checkBpfResult(
    `create map ${name} with ${entries} entries of ${valueBytes} bytes`,
    bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, valueBytes, entries, options),
  );
  return recordOpenedDescriptor(fd, `map ${name}`);
}
