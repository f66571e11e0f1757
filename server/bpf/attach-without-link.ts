import { closeSync } from 'node:fs';
import { syscall } from '../ffi/libc.ts';
import { type AttachAnchor, attachErrorHints, encodeAttachAnchor } from './attach-anchor.ts';
import { BpfError } from './bpf-error.ts';
import { bpf_attr } from './bpf-structs.ts';
import { hookAttachTypes, type LinkHook } from './hook.ts';
import { openProgramById } from './program-info.ts';
import { bpfSyscallNumber, callForeignAsync } from './syscall.ts';

const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const ENOENT = 2;

/** A BPF program, given by a descriptor or by its id. */
export type BpfProgramRef = { fd: number } | { id: number };

/**
 * Attaches a program without a link: it stays for the life of the device, whoever attached it. This is how foreign
 * programs follow a pod to its new device. It takes RTNL.
 * @param ifindex the primary's in the caller's namespace, for netkit hooks too
 * @throws BpfError EEXIST when the program is already there, ENOENT when the anchor's target is not
 */
export function attachWithoutLink(
  ifindex: number,
  hook: LinkHook,
  program: BpfProgramRef,
  anchor: AttachAnchor = 'tail',
): Promise<void> {
  const operation = `attach a program to ${hook} of ifindex ${ifindex}`;
  return withProgram(operation, program, async (fd) => {
    const { flags, relativeId } = encodeAttachAnchor(anchor);
    const error = await call(operation, BPF_PROG_ATTACH, { ifindex, hook, fd, flags, relativeId });
    if (error) throw error.withHint(attachErrorHints[error.errnoName]);
  });
}

/**
 * Detaches a program that was attached without a link. It takes RTNL.
 * @throws BpfError ENOENT when it is not there, EBUSY when a link holds it
 */
export function detachWithoutLink(ifindex: number, hook: LinkHook, program: BpfProgramRef): Promise<void> {
  const operation = `detach a program from ${hook} of ifindex ${ifindex}`;
  return withProgram(operation, program, async (fd) => {
    const error = await call(operation, BPF_PROG_DETACH, { ifindex, hook, fd, flags: 0, relativeId: 0 });
    if (error) throw error;
  });
}

async function call(
  operation: string,
  command: number,
  options: { ifindex: number; hook: LinkHook; fd: number; flags: number; relativeId: number },
): Promise<BpfError | null> {
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(options.ifindex, bpf_attr.target_ifindex);
  attr.writeUInt32LE(options.fd, bpf_attr.attach_bpf_fd);
  attr.writeUInt32LE(hookAttachTypes[options.hook], bpf_attr.attach_type);
  attr.writeUInt32LE(options.flags, bpf_attr.attach_flags);
  attr.writeUInt32LE(options.relativeId, bpf_attr.relative_id);
  const result = await callForeignAsync(syscall, bpfSyscallNumber, command, attr, attr.length);
  return result < 0 ? new BpfError(operation, -result) : null;
}

async function withProgram(
  operation: string,
  program: BpfProgramRef,
  use: (fd: number) => Promise<void>,
): Promise<void> {
  if ('fd' in program) return use(program.fd);
  const fd = openProgramById(program.id);
  if (fd === null) throw new BpfError(`${operation}: program ${program.id} was unloaded`, ENOENT);
  try {
    await use(fd);
  } finally {
    closeSync(fd);
  }
}
