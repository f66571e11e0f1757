import { closeSync } from 'node:fs';
import { syscall } from '../ffi/libc.ts';
import { BpfError, bpfSyscallNumber, callAsync } from './syscall.ts';
import { encodeAnchor, type Anchor, anchorHints } from './anchor.ts';
import { programFdById } from './program-info.ts';
import { attachTypes, type LinkHook } from './hook-query.ts';

const command = { attach: 8, detach: 9 } as const;

/** A program by a descriptor, or by its id. */
export type ProgramRef = { fd: number } | { id: number };

/**
 * BPF_PROG_ATTACH and BPF_PROG_DETACH.
 * union bpf_attr: target_ifindex 0, attach_bpf_fd 4, attach_type 8, attach_flags 12, relative_id 20.
 */
async function change(
  tried: string,
  which: keyof typeof command,
  on: { ifindex: number; hook: LinkHook; program: number },
  { flags, relativeId } = { flags: 0, relativeId: 0 },
): Promise<void> {
  const attr = Buffer.alloc(64);
  attr.writeUInt32LE(on.ifindex, 0);
  attr.writeUInt32LE(on.program, 4);
  attr.writeUInt32LE(attachTypes[on.hook], 8);
  attr.writeUInt32LE(flags, 12);
  attr.writeUInt32LE(relativeId, 20);
  const answer = await callAsync(syscall, bpfSyscallNumber, command[which], attr, attr.length);
  if (answer >= 0) return;
  const hint = which === 'attach' ? anchorHints[new BpfError(tried, -answer).errnoName] : undefined;
  throw new BpfError(tried, -answer, hint === undefined ? {} : { hint });
}

async function withProgram(
  tried: string,
  program: ProgramRef,
  use: (fd: number) => Promise<void>,
): Promise<void> {
  if ('fd' in program) return use(program.fd);
  const fd = programFdById(program.id);
  if (fd === null) throw new BpfError(`${tried}: program ${program.id} was unloaded`, 2);
  try {
    await use(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Attaches a program without a link: it stays for the life of the device, whoever attached it. This is how
 * programs of others follow a pod to its new device. Takes RTNL.
 * @param ifindex the primary's in the caller's namespace, for netkit hooks too
 * @throws BpfError, EEXIST when the program is there already, ENOENT without the neighbour
 */
export function attachWithoutLink(
  ifindex: number,
  hook: LinkHook,
  program: ProgramRef,
  order: Anchor = 'last',
): Promise<void> {
  const tried = `attach a program to ${hook} of ifindex ${ifindex}`;
  return withProgram(tried, program, (fd) =>
    change(tried, 'attach', { ifindex, hook, program: fd }, encodeAnchor(order)),
  );
}

/**
 * Takes a program off that was attached without a link. Takes RTNL.
 * @throws BpfError, ENOENT when it is not there, EBUSY when a link holds it
 */
export function detachWithoutLink(ifindex: number, hook: LinkHook, program: ProgramRef): Promise<void> {
  const tried = `detach a program from ${hook} of ifindex ${ifindex}`;
  return withProgram(tried, program, (fd) => change(tried, 'detach', { ifindex, hook, program: fd }));
}
