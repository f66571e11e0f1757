import { closeSync, readFileSync } from 'node:fs';
import {
  bpf_btf_get_fd_by_id,
  bpf_link_get_fd_by_id,
  bpf_map_get_fd_by_id,
  bpf_obj_get_info_by_fd,
  bpf_prog_get_fd_by_id,
} from '../ffi/libbpf.ts';
import { errno, syscall } from '../ffi/libc.ts';
import { BpfError, checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { bpf_attr } from './bpf-structs.ts';
import { bpfSyscallNumber } from './syscall.ts';

/**
 * Fills `info` with the kernel's struct bpf_{prog,map,link,btf}_info. Fields that the kernel does not have stay zero.
 */
export function readBpfObjectInfo(what: string, fd: number, info: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(info.length);
  checkBpfResult(`read the info of ${what}`, bpf_obj_get_info_by_fd(fd, info, bytes));
  return info;
}

/** Reads a NUL-terminated name from a kernel info struct. */
export const readKernelInfoName = (info: Buffer, offset: number, length = 16): string =>
  info.toString('latin1', offset, offset + length).replace(/\0.*$/s, '');

const openById = {
  program: bpf_prog_get_fd_by_id,
  map: bpf_map_get_fd_by_id,
  link: bpf_link_get_fd_by_id,
  btf: bpf_btf_get_fd_by_id,
};
export type BpfObjectKind = keyof typeof openById;

/** Runs `use` with a temporary descriptor of the BPF object with this id; returns null if the object does not exist. */
export function withBpfObjectById<T>(what: BpfObjectKind, id: number, use: (fd: number) => T): T | null {
  const fd = openById[what](id);
  if (failedWithErrno(fd, 'ENOENT')) return null;
  checkBpfResult(`open ${what} ${id}`, fd);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** BPF_{PROG,MAP,BTF,LINK}_GET_NEXT_ID, <linux/bpf.h>. */
const nextIdCommand: Record<BpfObjectKind, number> = { program: 11, map: 12, btf: 23, link: 31 };

/** Lists the ids of all programs, maps, links or BTF objects in the kernel in ascending order. */
export function listBpfObjectIds(what: BpfObjectKind): number[] {
  const ids: number[] = [];
  const attr = Buffer.alloc(bpf_attr.bytes);
  for (;;) {
    if (syscall(bpfSyscallNumber, nextIdCommand[what], attr, attr.length) < 0) {
      const error = new BpfError(`list the ids of each ${what}`, errno());
      if (error.errnoName === 'ENOENT') return ids;
      throw error;
    }
    const id = attr.readUInt32LE(bpf_attr.next_id);
    ids.push(id);
    attr.writeUInt32LE(id, bpf_attr.start_id);
  }
}

/** Reads the fields of a BPF descriptor from /proc/thread-self/fdinfo, such as `memlock` (in bytes) and `frozen`. */
export function readBpfFdinfo(fd: number): Record<string, string> {
  const text = readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1');
  return Object.fromEntries(Array.from(text.matchAll(/^(\w+):\s*(.*)$/gm), ([, key, value]) => [key, value]));
}

/** Returns the locked memory of a BPF object in bytes from its fdinfo fields; null if the kernel does not report it. */
export function parseMemlockSize(info: Record<string, string>): number | null {
  return info.memlock === undefined ? null : Number(info.memlock);
}
