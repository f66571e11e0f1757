import { addressOf } from '../ffi/libc.ts';
import { nameInInfo, readObjectInfo, withObjectById } from './kernel-object.ts';
import { bpf_btf_info as field } from './kernel-structs.ts';

/** BTF loaded in the kernel: a program's, the kernel's own (`vmlinux`) or a module's. */
export interface LoadedBtf {
  bytes: Buffer;
  /** empty for a program's */
  name: string;
  /** true for the kernel's own and for a module's, which extends it */
  kernel: boolean;
}

/** Reads a BTF object of this kernel by its id, by struct bpf_btf_info, <linux/bpf.h>; null when it is gone. */
export const readLoadedBtf = (id: number): LoadedBtf | null =>
  withObjectById('btf', id, (fd) => {
    const size = readObjectInfo(`BTF ${id}`, fd, Buffer.alloc(field.bytes)).readUInt32LE(field.btf_size);
    const bytes = Buffer.alloc(size);
    const name = Buffer.alloc(64);
    const info = Buffer.alloc(field.bytes);
    info.writeBigUInt64LE(addressOf(bytes), field.btf);
    info.writeUInt32LE(size, field.btf_size);
    info.writeBigUInt64LE(addressOf(name), field.name);
    info.writeUInt32LE(name.length, field.name_len);
    readObjectInfo(`BTF ${id}`, fd, info);
    return {
      bytes,
      name: nameInInfo(name, 0, name.length),
      kernel: info.readUInt32LE(field.kernel_btf) !== 0,
    };
  });
