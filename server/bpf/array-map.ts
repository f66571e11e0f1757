import {
  bpf_map_create,
  bpf_map_get_fd_by_id,
  bpf_map_lookup_elem,
  bpf_map_update_elem,
} from '../ffi/libbpf.ts';
import { checkResult, BpfError } from './syscall.ts';
import { nameInInfo, readObjectInfo } from './kernel-object.ts';

export interface MapInfo {
  type: number;
  id: number;
  keyBytes: number;
  valueBytes: number;
  maxEntries: number;
  flags: number;
  name: string;
  /** BTF of its keys and values: the object's id (0: none), and ids of types in it (0: none). */
  btfId: number;
  keyTypeId: number;
  valueTypeId: number;
}

/**
 * struct bpf_map_info (linux/bpf.h): type 0, id 4, key_size 8, value_size 12, max_entries 16, map_flags 20, name 24,
 * btf_id 64, btf_key_type_id 68, btf_value_type_id 72.
 */
export function mapInfo(fd: number): MapInfo {
  const info = readObjectInfo('a map', fd, Buffer.alloc(80));
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    keyBytes: info.readUInt32LE(8),
    valueBytes: info.readUInt32LE(12),
    maxEntries: info.readUInt32LE(16),
    flags: info.readUInt32LE(20),
    name: nameInInfo(info, 24),
    btfId: info.readUInt32LE(64),
    keyTypeId: info.readUInt32LE(68),
    valueTypeId: info.readUInt32LE(72),
  };
}

/** A new descriptor of any map of this kernel, which the caller closes; null when it is gone. */
export function mapFdById(id: number): number | null {
  const fd = bpf_map_get_fd_by_id(id);
  if (fd < 0 && new BpfError('', -fd).errnoName === 'ENOENT') return null;
  return checkResult(`open map ${id}`, fd);
}

/** An array map (one value per index, not per CPU) whose values are `valueBytes` long. */
export class ArrayMap {
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
    checkResult(`read ${this.name}[${index}]`, bpf_map_lookup_elem(this.fd, this.#key(index), value));
    return value;
  }

  /** Not atomic towards a program that reads the same value. */
  set(index: number, value: Buffer): void {
    if (value.length !== this.valueBytes)
      throw new RangeError(`${this.name}: ${value.length} bytes, not ${this.valueBytes}`);
    checkResult(`write ${this.name}[${index}]`, bpf_map_update_elem(this.fd, this.#key(index), value, 0));
  }
}

const BPF_MAP_TYPE_ARRAY = 2;
const BPF_F_MMAPABLE = 1 << 10;

/** An array map whose memory can be mapped, outside of any object; answers its descriptor. */
export function createMmapableArray(name: string, valueBytes: number, entries: number): number {
  // struct bpf_map_create_opts (bpf/bpf.h): sz 0, map_flags 28.
  const options = Buffer.alloc(48);
  options.writeBigUInt64LE(48n, 0);
  options.writeUInt32LE(BPF_F_MMAPABLE, 28);
  return checkResult(
    `create map ${name} with ${entries} entries of ${valueBytes} bytes`,
    bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, valueBytes, entries, options),
  );
}
