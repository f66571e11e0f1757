import { uptime } from 'node:os';
import { openedDescriptor } from '../ffi/descriptors.ts';
import { bpf_prog_get_fd_by_id } from '../ffi/libbpf.ts';
import { addressOf } from '../ffi/libc.ts';
import { checkResult, failedWith } from './error.ts';
import { nameInInfo, readObjectInfo, withObjectById } from './kernel-object.ts';
import { bpf_prog_info as field } from './kernel-structs.ts';

export interface ProgramInfo {
  id: number;
  type: number;
  name: string;
  /** the kernel's hash of the instructions, 16 hexadecimal digits */
  tag: string;
  loadedAt: Date;
  jitedBytes: number;
  xlatedBytes: number;
  /** since load, while run statistics were enabled */
  runTimeNs: number;
  runCount: number;
  /** runs skipped since load because the program was already running on that CPU */
  misses: bigint;
  /** 0 from a kernel that does not report it */
  verifiedInstructions: number;
  mapIds: number[];
  /** of the user who loaded it */
  uid: number;
  gpl: boolean;
  /** 0: none */
  btfId: number;
  /** the kernel function or program it attaches to: id of a BTF object (0: none) and of a type in it */
  attachBtfObjectId: number;
  attachBtfId: number;
}

// load_time counts from boot (CLOCK_BOOTTIME). Boot time is computed once, so that a program keeps its load time.
const bootedAtMs = Date.now() - uptime() * 1000;
const maxMaps = 64;

/** Reads struct bpf_prog_info, <linux/bpf.h>, of a program's descriptor. */
export function programInfo(fd: number): ProgramInfo {
  const info = Buffer.alloc(field.bytes);
  const ids = Buffer.alloc(maxMaps * 4);
  info.writeUInt32LE(maxMaps, field.nr_map_ids);
  info.writeBigUInt64LE(addressOf(ids), field.map_ids);
  readObjectInfo('a program', fd, info);
  return {
    type: info.readUInt32LE(field.type),
    id: info.readUInt32LE(field.id),
    tag: info.toString('hex', field.tag, field.tag + 8),
    jitedBytes: info.readUInt32LE(field.jited_prog_len),
    xlatedBytes: info.readUInt32LE(field.xlated_prog_len),
    loadedAt: new Date(bootedAtMs + Number(info.readBigUInt64LE(field.load_time)) / 1e6),
    mapIds: Array.from({ length: Math.min(info.readUInt32LE(field.nr_map_ids), maxMaps) }, (_, i) =>
      ids.readUInt32LE(i * 4),
    ),
    name: nameInInfo(info, field.name),
    runTimeNs: Number(info.readBigUInt64LE(field.run_time_ns)),
    runCount: Number(info.readBigUInt64LE(field.run_cnt)),
    misses: info.readBigUInt64LE(field.recursion_misses),
    verifiedInstructions: info.readUInt32LE(field.verified_insns),
    uid: info.readUInt32LE(field.created_by_uid),
    gpl: (info.readUInt32LE(field.gpl_compatible) & 1) === 1,
    btfId: info.readUInt32LE(field.btf_id),
    attachBtfObjectId: info.readUInt32LE(field.attach_btf_obj_id),
    attachBtfId: info.readUInt32LE(field.attach_btf_id),
  };
}

/** Opens any program of this kernel by its id; null when it is gone. @returns a descriptor that the caller closes */
export function programFdById(id: number): number | null {
  const fd = bpf_prog_get_fd_by_id(id);
  if (failedWith(fd, 'ENOENT')) return null;
  return openedDescriptor(checkResult(`open program ${id}`, fd), `program ${id}`);
}

/** Reads the info of any program of this kernel; null when it is gone. */
export const programInfoById = (id: number): ProgramInfo | null => withObjectById('program', id, programInfo);
