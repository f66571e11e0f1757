import { closeSync } from 'node:fs';
import { bpf_link_detach, bpf_link_update } from '../ffi/libbpf.ts';
import { syscall } from '../ffi/libc.ts';
import { checkResult, BpfError, bpfSyscallNumber, callAsync } from './syscall.ts';
import { readObjectInfo } from './kernel-object.ts';
import { encodeAnchor, type Anchor } from './anchor.ts';
import { openPinned } from './pin.ts';

const linkCreate = 28;

export interface DeviceLinkInfo {
  id: number;
  programId: number;
  /** 0: detached, its device is gone. */
  ifindex: number;
  attachType: number;
}

/** struct bpf_link_info (linux/bpf.h) of a tcx or netkit link: id 4, prog_id 8, ifindex 16, attach_type 20. */
export function deviceLinkInfo(fd: number): DeviceLinkInfo {
  const info = readObjectInfo('a link', fd, Buffer.alloc(64));
  return {
    id: info.readUInt32LE(4),
    programId: info.readUInt32LE(8),
    ifindex: info.readUInt32LE(16),
    attachType: info.readUInt32LE(20),
  };
}

/**
 * A new link; answers its descriptor. libbpf 1.1 knows no order, so by hand. Takes RTNL.
 * union bpf_attr: prog_fd 0, target_ifindex 4, attach_type 8, flags 12, relative_id 16.
 * @throws BpfError, EEXIST when the program is on the hook, ENOENT without the neighbour
 */
export async function createLink(
  tried: string,
  program: number,
  ifindex: number,
  attachType: number,
  order: Anchor = 'last',
): Promise<number> {
  const { flags, relativeId } = encodeAnchor(order);
  const attr = Buffer.alloc(64);
  attr.writeUInt32LE(program, 0);
  attr.writeUInt32LE(ifindex, 4);
  attr.writeUInt32LE(attachType, 8);
  attr.writeUInt32LE(flags, 12);
  attr.writeUInt32LE(relativeId, 16);
  return checkResult(tried, await callAsync(syscall, bpfSyscallNumber, linkCreate, attr, attr.length));
}

/** Puts `program` in the place of the link's; no packet passes without one. Takes RTNL. */
export async function updateLink(tried: string, link: number, program: number): Promise<void> {
  checkResult(tried, await callAsync(bpf_link_update, link, program, null));
}

/** Takes the program off its hook now, whoever else holds the link; a detached one is as well. Takes RTNL. */
export async function detachLink(tried: string, link: number): Promise<void> {
  const answer = await callAsync(bpf_link_detach, link);
  if (answer < 0 && new BpfError(tried, -answer).errnoName !== 'ENOLINK') checkResult(tried, answer);
}

/** Runs `use` with a descriptor of the link pinned at `path`; null where none is. */
export async function withPinnedLink<T>(
  path: string,
  use: (fd: number, info: DeviceLinkInfo) => T | Promise<T>,
): Promise<T | null> {
  const fd = openPinned(path);
  if (fd === null) return null;
  try {
    return await use(fd, deviceLinkInfo(fd));
  } finally {
    closeSync(fd);
  }
}
