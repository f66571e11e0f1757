import { addressOf } from '../ffi/libc.ts';
import { nameAt, readInfo, withId } from './kernel-object.ts';

/** BTF that is loaded in the kernel: a program's, the kernel's own (`vmlinux`), or a module's. */
export interface BtfObject {
  bytes: Buffer;
  /** Empty of a program's. */
  name: string;
  /** The kernel's own or a module's, which builds on it. */
  kernel: boolean;
}

/** struct bpf_btf_info (linux/bpf.h): btf 0, btf_size 8, id 12, name 16, name_len 24, kernel_btf 28. */
export const btfObject = (id: number): BtfObject | null =>
  withId('btf', id, (fd) => {
    const size = readInfo(`BTF ${id}`, fd, Buffer.alloc(32)).readUInt32LE(8);
    const bytes = Buffer.alloc(size);
    const name = Buffer.alloc(64);
    const info = Buffer.alloc(32);
    info.writeBigUInt64LE(addressOf(bytes), 0);
    info.writeUInt32LE(size, 8);
    info.writeBigUInt64LE(addressOf(name), 16);
    info.writeUInt32LE(name.length, 24);
    readInfo(`BTF ${id}`, fd, info);
    return { bytes, name: nameAt(name, 0, name.length), kernel: info.readUInt32LE(28) !== 0 };
  });
