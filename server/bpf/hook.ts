import type { LinkOptions } from './link.ts';
import { attachNetkit, netkitAttachTypes } from './netkit-hook.ts';
import { attachTcx, tcxAttachTypes } from './tcx-hook.ts';

/** A hook that programs attach to by a link. */
export type LinkHook = keyof typeof netkitAttachTypes | keyof typeof tcxAttachTypes;

/** enum bpf_attach_type, <linux/bpf.h>, by hook. */
export const hookAttachTypes: Record<LinkHook, number> = { ...netkitAttachTypes, ...tcxAttachTypes };

/** Attaches a program to a hook of either family. @returns the link's descriptor @throws BpfError `no_netkit`, `no_tcx` */
export const attachLink = (hook: LinkHook, options: LinkOptions): Promise<number> =>
  hook === 'netkit/primary' || hook === 'netkit/peer'
    ? attachNetkit(hook, options)
    : attachTcx(hook, options);
