import { closeSync, readFileSync } from 'node:fs';
import {
  bpf_btf_get_fd_by_id,
  bpf_link_get_fd_by_id,
  bpf_map_get_fd_by_id,
  bpf_obj_get_info_by_fd,
  bpf_prog_get_fd_by_id,
} from '../ffi/libbpf.ts';
import { errno, syscall } from '../ffi/libc.ts';
import { checkResult, BpfError, bpfSyscallNumber } from './syscall.ts';

/** Fills `info` with the kernel's struct bpf_{prog,map,link,btf}_info; what the kernel lacks stays zero. */
export function readObjectInfo(what: string, fd: number, info: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(info.length);
  checkResult(`read the info of ${what}`, bpf_obj_get_info_by_fd(fd, info, bytes));
  return info;
}

/** A NUL-terminated name in an info struct. */
export const nameInInfo = (info: Buffer, offset: number, length = 16): string =>
  info.toString('latin1', offset, offset + length).replace(/\0.*$/s, '');

const openById = {
  program: bpf_prog_get_fd_by_id,
  map: bpf_map_get_fd_by_id,
  link: bpf_link_get_fd_by_id,
  btf: bpf_btf_get_fd_by_id,
};
export type BpfObjectKind = keyof typeof openById;

/** Runs `use` with a descriptor of the object `id`; null when the kernel has it no more. */
export function withObjectById<T>(what: BpfObjectKind, id: number, use: (fd: number) => T): T | null {
  const fd = openById[what](id);
  if (fd < 0 && new BpfError('', -fd).errnoName === 'ENOENT') return null;
  checkResult(`open ${what} ${id}`, fd);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** BPF_{PROG,MAP,BTF,LINK}_GET_NEXT_ID */
const nextIdCommand: Record<BpfObjectKind, number> = { program: 11, map: 12, btf: 23, link: 31 };

/** Ids of all programs, maps, links or BTF of this kernel, ascending. */
export function listObjectIds(what: BpfObjectKind): number[] {
  const ids: number[] = [];
  // union bpf_attr: start_id 0, next_id 4.
  const attr = Buffer.alloc(16);
  for (;;) {
    if (syscall(bpfSyscallNumber, nextIdCommand[what], attr, attr.length) < 0) {
      const refusal = new BpfError(`list the ids of each ${what}`, errno());
      if (refusal.errnoName === 'ENOENT') return ids;
      throw refusal;
    }
    const id = attr.readUInt32LE(4);
    ids.push(id);
    attr.writeUInt32LE(id, 0);
  }
}

/** What /proc/self/fdinfo says of a BPF descriptor beyond its info: `memlock` in bytes, `frozen`, … */
export function readFdinfo(fd: number): Record<string, string> {
  const text = readFileSync(`/proc/thread-self/fdinfo/${fd}`, 'latin1');
  return Object.fromEntries(Array.from(text.matchAll(/^(\w+):\s*(.*)$/gm), ([, key, value]) => [key, value]));
}

/** @returns bytes, or null from a kernel that does not say */
export function memlockBytes(info: Record<string, string>): number | null {
  return info.memlock === undefined ? null : Number(info.memlock);
}
