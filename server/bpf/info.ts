import { closeSync } from 'node:fs';
import { bpf_map_get_fd_by_id, bpf_obj_get_info_by_fd, bpf_prog_get_fd_by_id } from '../ffi/libbpf.ts';
import { accepted, BpfRefusal } from './call.ts';

/** Fills `info` with the kernel's struct bpf_{prog,map,link}_info; what the kernel lacks stays zero. */
export function readInfo(what: string, fd: number, info: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(info.length);
  accepted(`read the info of ${what}`, bpf_obj_get_info_by_fd(fd, info, bytes));
  return info;
}

/** A NUL-terminated name in an info struct. */
export const nameAt = (info: Buffer, offset: number, length = 16): string =>
  info.toString('latin1', offset, offset + length).replace(/\0.*$/s, '');

const openById = { program: bpf_prog_get_fd_by_id, map: bpf_map_get_fd_by_id };

/** Runs `use` with a descriptor of program or map `id`; null when the kernel has it no more. */
export function withId<T>(what: keyof typeof openById, id: number, use: (fd: number) => T): T | null {
  const fd = openById[what](id);
  if (fd < 0 && new BpfRefusal('', -fd).reason === 'ENOENT') return null;
  accepted(`open ${what} ${id}`, fd);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
