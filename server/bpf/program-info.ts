import { uptime } from 'node:os';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_prog_get_fd_by_id } from '../ffi/libbpf.ts';
import { addressOf } from '../ffi/libc.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { readBpfObjectInfo, readKernelInfoName, withBpfObjectById } from './bpf-object-info.ts';
import { bpf_prog_info as field } from './bpf-structs.ts';

export interface BpfProgramInfo {
  id: number;
  type: number;
  name: string;
  /** The kernel's hash of the program's instructions as 16 hexadecimal digits. */
  tag: string;
  loadedAt: Date;
  jitedBytes: number;
  xlatedBytes: number;
  /** Total run time since the program was loaded, in ns, counted only while run statistics are enabled. */
  runTimeNs: number;
  runCount: number;
  /** Number of skipped runs since load, because the program was already running on the same CPU. */
  misses: bigint;
  /** Number of instructions that the verifier processed; 0 if the kernel does not report it. */
  verifiedInstructions: number;
  mapIds: number[];
  /** Id of the user who loaded the program. */
  uid: number;
  gpl: boolean;
  /** Id of the program's BTF object; 0 if it has none. */
  btfId: number;
  /** Id of the BTF object with the kernel function or program that the program attaches to; 0 if there is none. */
  attachBtfObjectId: number;
  attachBtfId: number;
}

// load_time counts from boot (CLOCK_BOOTTIME). Boot time is computed once, so that a program keeps its load time.
const bootedAtMs = Date.now() - uptime() * 1000;
const maxMaps = 64;

/** Reads struct bpf_prog_info (<linux/bpf.h>) by a program's descriptor. */
export function readBpfProgramInfo(fd: number): BpfProgramInfo {
  const info = Buffer.alloc(field.bytes);
  const ids = Buffer.alloc(maxMaps * 4);
  info.writeUInt32LE(maxMaps, field.nr_map_ids);
  info.writeBigUInt64LE(addressOf(ids), field.map_ids);
  readBpfObjectInfo('a program', fd, info);
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
    name: readKernelInfoName(info, field.name),
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

/** Opens a program by its id. @returns a descriptor for the caller to close, or null if the program does not exist */
export function openProgramById(id: number): number | null {
  const fd = bpf_prog_get_fd_by_id(id);
  if (failedWithErrno(fd, 'ENOENT')) return null;
  return recordOpenedDescriptor(checkBpfResult(`open program ${id}`, fd), `program ${id}`);
}

/** Reads the kernel info of a program by its id; null if the program does not exist. */
export const readBpfProgramInfoById = (id: number): BpfProgramInfo | null =>
  withBpfObjectById('program', id, readBpfProgramInfo);
