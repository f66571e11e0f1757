import type { BpfLinkOptions } from './link.ts';
import { attachProgramToNetkit, netkitAttachTypes } from './netkit-hook.ts';
import { attachProgramToTcx, tcxAttachTypes } from './tcx-hook.ts';

/** Netkit or tcx hook. It accepts BPF links, which a tc hook does not. */
export type LinkHook = keyof typeof netkitAttachTypes | keyof typeof tcxAttachTypes;

/** Values of enum bpf_attach_type by hook, <linux/bpf.h>. */
export const hookAttachTypes: Record<LinkHook, number> = { ...netkitAttachTypes, ...tcxAttachTypes };

/** Attaches a program to a netkit or tcx hook. @returns the link's descriptor @throws BpfError `no_netkit`, `no_tcx` */
export const attachProgramByLink = (hook: LinkHook, options: BpfLinkOptions): Promise<number> =>
  hook === 'netkit/primary' || hook === 'netkit/peer'
    ? attachProgramToNetkit(hook, options)
    : attachProgramToTcx(hook, options);
