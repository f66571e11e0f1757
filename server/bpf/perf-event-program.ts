import { addressOf, errno, syscall } from '../ffi/libc.ts';
import { bpfSyscallNumber } from './syscall.ts';
import { nameInInfo } from './kernel-object.ts';

const taskFdQuery = 20;
/** enum bpf_task_fd_type */
const fdTypes = ['raw_tracepoint', 'tracepoint', 'kprobe', 'kretprobe', 'uprobe', 'uretprobe'];

/**
 * The program that a perf event of another process runs, by its descriptor there; null where it runs none, or is no
 * perf event. union bpf_attr: pid 0, fd 4, flags 8, buf_len 12, buf 16, prog_id 24, fd_type 28.
 */
export function perfEventProgram(pid: number, fd: number): { programId: number; target: string } | null {
  const text = Buffer.alloc(256);
  const attr = Buffer.alloc(48);
  attr.writeUInt32LE(pid, 0);
  attr.writeUInt32LE(fd, 4);
  attr.writeUInt32LE(text.length, 12);
  attr.writeBigUInt64LE(addressOf(text), 16);
  if (syscall(bpfSyscallNumber, taskFdQuery, attr, attr.length) < 0 && errno() !== 28) return null;
  const type = fdTypes[attr.readUInt32LE(28)] ?? 'perf event';
  return { programId: attr.readUInt32LE(24), target: `${type} ${nameInInfo(text, 0, text.length)}` };
}
