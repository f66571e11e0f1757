import { addressOf } from '../ffi/libc.ts';
import { nameInInfo, readObjectInfo, withObjectById } from './kernel-object.ts';

/** BTF that is loaded in the kernel: a program's, the kernel's own (`vmlinux`), or a module's. */
export interface LoadedBtf {
  bytes: Buffer;
  /** Empty of a program's. */
  name: string;
  /** The kernel's own or a module's, which builds on it. */
  kernel: boolean;
}

/** struct bpf_btf_info (linux/bpf.h): btf 0, btf_size 8, id 12, name 16, name_len 24, kernel_btf 28. */
export const readLoadedBtf = (id: number): LoadedBtf | null =>
  withObjectById('btf', id, (fd) => {
    const size = readObjectInfo(`BTF ${id}`, fd, Buffer.alloc(32)).readUInt32LE(8);
    const bytes = Buffer.alloc(size);
    const name = Buffer.alloc(64);
    const info = Buffer.alloc(32);
    info.writeBigUInt64LE(addressOf(bytes), 0);
    info.writeUInt32LE(size, 8);
    info.writeBigUInt64LE(addressOf(name), 16);
    info.writeUInt32LE(name.length, 24);
    readObjectInfo(`BTF ${id}`, fd, info);
    return { bytes, name: nameInInfo(name, 0, name.length), kernel: info.readUInt32LE(28) !== 0 };
  });
