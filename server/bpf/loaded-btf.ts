import { addressOf } from '../ffi/libc.ts';
import { readBpfObjectInfo, readKernelInfoName, withBpfObjectById } from './bpf-object-info.ts';
import { bpf_btf_info as field } from './bpf-structs.ts';

/** BTF that is loaded in the kernel: of a program, of the kernel itself (`vmlinux`) or of a module. */
export interface LoadedBtf {
  bytes: Buffer;
  /** Name of the kernel or module that the BTF describes; empty for a program's BTF. */
  name: string;
  /** True for the BTF of the kernel and of its modules, which extends the kernel's. */
  kernel: boolean;
}

/** Reads a BTF object by its id (struct bpf_btf_info, <linux/bpf.h>); null if it does not exist. */
export const readLoadedBtf = (id: number): LoadedBtf | null =>
  withBpfObjectById('btf', id, (fd) => {
    const size = readBpfObjectInfo(`BTF ${id}`, fd, Buffer.alloc(field.bytes)).readUInt32LE(field.btf_size);
    const bytes = Buffer.alloc(size);
    const name = Buffer.alloc(64);
    const info = Buffer.alloc(field.bytes);
    info.writeBigUInt64LE(addressOf(bytes), field.btf);
    info.writeUInt32LE(size, field.btf_size);
    info.writeBigUInt64LE(addressOf(name), field.name);
    info.writeUInt32LE(name.length, field.name_len);
    readBpfObjectInfo(`BTF ${id}`, fd, info);
    return {
      bytes,
      name: readKernelInfoName(name, 0, name.length),
      kernel: info.readUInt32LE(field.kernel_btf) !== 0,
    };
  });
