import { addressOf, errno, syscall } from '../ffi/libc.ts';
import { readKernelInfoName } from './bpf-object-info.ts';
import { bpf_attr } from './bpf-structs.ts';
import { bpfSyscallNumber } from './syscall.ts';

const BPF_TASK_FD_QUERY = 20;
const ENOSPC = 28;
/** Names of the values of enum bpf_task_fd_type, <linux/bpf.h>. */
const fdTypes = ['raw_tracepoint', 'tracepoint', 'kprobe', 'kretprobe', 'uprobe', 'uretprobe'];

/**
 * Finds the program that a perf event or raw tracepoint link of another process runs, by its descriptor in that
 * process.
 * @returns null for a perf event without a program and for other descriptors
 */
export function findPerfEventProgram(pid: number, fd: number): { programId: number; target: string } | null {
  const text = Buffer.alloc(256);
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(pid, bpf_attr['task_fd_query.pid']);
  attr.writeUInt32LE(fd, bpf_attr['task_fd_query.fd']);
  attr.writeUInt32LE(text.length, bpf_attr['task_fd_query.buf_len']);
  attr.writeBigUInt64LE(addressOf(text), bpf_attr['task_fd_query.buf']);
  if (syscall(bpfSyscallNumber, BPF_TASK_FD_QUERY, attr, attr.length) < 0 && errno() !== ENOSPC) return null;
  const type = fdTypes[attr.readUInt32LE(bpf_attr['task_fd_query.fd_type'])] ?? 'perf event';
  return {
    programId: attr.readUInt32LE(bpf_attr['task_fd_query.prog_id']),
    target: `${type} ${readKernelInfoName(text, 0, text.length)}`,
  };
}
