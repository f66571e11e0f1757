import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_map_get_fd_by_id } from '../ffi/libbpf.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { readBpfObjectInfo, readKernelInfoName } from './bpf-object-info.ts';
import { bpf_map_info } from './bpf-structs.ts';

export interface BpfMapInfo {
  type: number;
  id: number;
  keyBytes: number;
  valueBytes: number;
  maxEntries: number;
  flags: number;
  name: string;
  /** Id of the BTF object that describes the map's keys and values; 0 if there is none. */
  btfId: number;
  /** Type id of the map's keys in its BTF object; 0 if unknown. */
  keyTypeId: number;
  valueTypeId: number;
}

/** Reads struct bpf_map_info (<linux/bpf.h>) by a map's descriptor. */
export function readBpfMapInfo(fd: number): BpfMapInfo {
  const info = readBpfObjectInfo('a map', fd, Buffer.alloc(bpf_map_info.bytes));
  return {
    type: info.readUInt32LE(bpf_map_info.type),
    id: info.readUInt32LE(bpf_map_info.id),
    keyBytes: info.readUInt32LE(bpf_map_info.key_size),
    valueBytes: info.readUInt32LE(bpf_map_info.value_size),
    maxEntries: info.readUInt32LE(bpf_map_info.max_entries),
    flags: info.readUInt32LE(bpf_map_info.map_flags),
    name: readKernelInfoName(info, bpf_map_info.name),
    btfId: info.readUInt32LE(bpf_map_info.btf_id),
    keyTypeId: info.readUInt32LE(bpf_map_info.btf_key_type_id),
    valueTypeId: info.readUInt32LE(bpf_map_info.btf_value_type_id),
  };
}

/** Opens a map by its id. @returns a descriptor for the caller to close, or null if the map does not exist */
export function openBpfMapById(id: number): number | null {
  const fd = bpf_map_get_fd_by_id(id);
  if (failedWithErrno(fd, 'ENOENT')) return null;
  return recordOpenedDescriptor(checkBpfResult(`open map ${id}`, fd), `map ${id}`);
}
