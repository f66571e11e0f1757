import { uptime } from 'node:os';
import { bpf_prog_get_fd_by_id } from '../ffi/libbpf.ts';
import { addressOf } from '../ffi/libc.ts';
import { checkResult, BpfError } from './syscall.ts';
import { nameInInfo, readObjectInfo, withObjectById } from './kernel-object.ts';

export interface ProgramInfo {
  id: number;
  type: number;
  name: string;
  /** The kernel's hash of the instructions, 16 hex digits. */
  tag: string;
  loadedAt: Date;
  jitedBytes: number;
  xlatedBytes: number;
  /** Since load, while statistics were on (`stats.ts`). */
  runTimeNs: number;
  runCount: number;
  /** Runs left out since load: the program, of a tracepoint, was running on the CPU. */
  misses: bigint;
  /** 0 from a kernel that does not say. */
  verifiedInstructions: number;
  mapIds: number[];
  /** Of who loaded it. */
  uid: number;
  gpl: boolean;
  /** 0: none. */
  btfId: number;
  /** What it is made to attach to, by BTF: the id of a BTF object (0: none) and of a type in it. */
  attachBtfObjectId: number;
  attachBtfId: number;
}

// load_time counts from boot, CLOCK_BOOTTIME; taken once, so that a program keeps one load time.
const bootedAtMs = Date.now() - uptime() * 1000;
const infoBytes = 232;
const maxMaps = 64;

/**
 * struct bpf_prog_info (linux/bpf.h): type 0, id 4, tag 8, jited_prog_len 16, xlated_prog_len 20, load_time 40,
 * created_by_uid 48, nr_map_ids 52, map_ids 56, name 64, gpl_compatible 84 (bit 0), btf_id 128, run_time_ns 192,
 * run_cnt 200, recursion_misses 208, verified_insns 216, attach_btf_obj_id 220, attach_btf_id 224.
 */
export function programInfo(fd: number): ProgramInfo {
  const info = Buffer.alloc(infoBytes);
  const ids = Buffer.alloc(maxMaps * 4);
  info.writeUInt32LE(maxMaps, 52);
  info.writeBigUInt64LE(addressOf(ids), 56);
  readObjectInfo('a program', fd, info);
  return {
    type: info.readUInt32LE(0),
    id: info.readUInt32LE(4),
    tag: info.toString('hex', 8, 16),
    jitedBytes: info.readUInt32LE(16),
    xlatedBytes: info.readUInt32LE(20),
    loadedAt: new Date(bootedAtMs + Number(info.readBigUInt64LE(40)) / 1e6),
    mapIds: Array.from({ length: Math.min(info.readUInt32LE(52), maxMaps) }, (_, i) =>
      ids.readUInt32LE(i * 4),
    ),
    name: nameInInfo(info, 64),
    runTimeNs: Number(info.readBigUInt64LE(192)),
    runCount: Number(info.readBigUInt64LE(200)),
    misses: info.readBigUInt64LE(208),
    verifiedInstructions: info.readUInt32LE(216),
    uid: info.readUInt32LE(48),
    gpl: (info.readUInt32LE(84) & 1) === 1,
    btfId: info.readUInt32LE(128),
    attachBtfObjectId: info.readUInt32LE(220),
    attachBtfId: info.readUInt32LE(224),
  };
}

/** A new descriptor of any program of this kernel, which the caller closes; null when it is gone. */
export function programFdById(id: number): number | null {
  const fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0 && new BpfError('', -fd).errnoName === 'ENOENT') return null;
  return checkResult(`open program ${id}`, fd);
}

/** Of any program of this kernel; null when it is gone. */
export const programInfoById = (id: number): ProgramInfo | null => withObjectById('program', id, programInfo);
