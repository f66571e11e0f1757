import { attachErrorHints } from './attach-anchor.ts';
import { BpfError } from './bpf-error.ts';
import { type BpfLinkOptions, createBpfLink } from './link.ts';

/** Values of enum bpf_attach_type for tcx hooks, <linux/bpf.h>. */
export const tcxAttachTypes = { 'tcx/ingress': 46, 'tcx/egress': 47 } as const;
export type TcxHook = keyof typeof tcxAttachTypes;

/**
 * Attaches a program to a tcx hook.
 * @returns the link's descriptor @throws BpfError, `no_tcx` on a kernel without tcx
 */
export async function attachProgramToTcx(hook: TcxHook, options: BpfLinkOptions): Promise<number> {
  const operation = `attach a program to ${hook} of ifindex ${options.ifindex}`;
  try {
    return await createBpfLink(operation, { ...options, attachType: tcxAttachTypes[hook] });
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.errnoName === 'EINVAL')
      throw new BpfError(operation, error.errno, {
        code: 'no_tcx',
        hint: 'tcx needs Linux 6.6 or a backport with CONFIG_NET_XGRESS',
      });
    throw error.withHint(attachErrorHints[error.errnoName]);
  }
}
