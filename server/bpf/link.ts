import { closeSync } from 'node:fs';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_link_detach, bpf_link_update } from '../ffi/libbpf.ts';
import { syscall } from '../ffi/libc.ts';
import { type AttachAnchor, encodeAttachAnchor } from './attach-anchor.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { bpf_attr } from './bpf-structs.ts';
import { type DeviceLinkInfo, readBpfDeviceLinkInfo } from './link-info.ts';
import { openPinnedObject } from './pin.ts';
import { bpfSyscallNumber, callForeignAsync } from './syscall.ts';

const BPF_LINK_CREATE = 28;

export interface BpfLinkOptions {
  /** Interface index in the caller's network namespace; that of the primary for both netkit hooks. */
  ifindex: number;
  /** Descriptor of the BPF program to attach. */
  program: number;
  /** Position among the programs of the hook; default `tail`. */
  anchor?: AttachAnchor;
}

/**
 * Creates a tcx or netkit link by bpf(2), since libbpf 1.1 has no anchors. It takes RTNL.
 * @returns the link's descriptor
 * @throws BpfError EEXIST when the program is on the hook, ENOENT when the anchor's target is not
 */
export async function createBpfLink(
  operation: string,
  { ifindex, program, anchor = 'tail', attachType }: BpfLinkOptions & { attachType: number },
): Promise<number> {
  const { flags, relativeId } = encodeAttachAnchor(anchor);
  const attr = Buffer.alloc(bpf_attr.bytes);
  attr.writeUInt32LE(program, bpf_attr['link_create.prog_fd']);
  attr.writeUInt32LE(ifindex, bpf_attr['link_create.target_ifindex']);
  attr.writeUInt32LE(attachType, bpf_attr['link_create.attach_type']);
  attr.writeUInt32LE(flags, bpf_attr['link_create.flags']);
  attr.writeUInt32LE(relativeId, bpf_attr['link_create.tcx.relative_id']);
  const result = await callForeignAsync(syscall, bpfSyscallNumber, BPF_LINK_CREATE, attr, attr.length);
  return recordOpenedDescriptor(checkBpfResult(operation, result), `link: ${operation}`);
}

/** Replaces the program of a link atomically, so that every packet meets the old or the new one. Waits for RTNL. */
export async function updateBpfLink(operation: string, link: number, program: number): Promise<void> {
  checkBpfResult(operation, await callForeignAsync(bpf_link_update, link, program, null));
}

/** Detaches a link's program even if other processes hold the link. Does nothing if it is detached. Waits for RTNL. */
export async function detachBpfLink(operation: string, link: number): Promise<void> {
  const result = await callForeignAsync(bpf_link_detach, link);
  if (!failedWithErrno(result, 'ENOLINK')) checkBpfResult(operation, result);
}

/** Runs `use` with a temporary descriptor of the link pinned at `path`; returns null if nothing is pinned there. */
export async function withPinnedBpfLink<T>(
  path: string,
  use: (fd: number, info: DeviceLinkInfo) => T | Promise<T>,
): Promise<T | null> {
  const fd = openPinnedObject(path);
  if (fd === null) return null;
  try {
    return await use(fd, readBpfDeviceLinkInfo(fd));
  } finally {
    closeSync(fd);
  }
}
