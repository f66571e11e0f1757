import { attachErrorHints } from './attach-anchor.ts';
import { BpfError } from './bpf-error.ts';
import { type BpfLinkOptions, createBpfLink } from './link.ts';

/** Values of enum bpf_attach_type for netkit hooks, <linux/bpf.h>. */
export const netkitAttachTypes = { 'netkit/primary': 54, 'netkit/peer': 55 } as const;
export type NetkitHook = keyof typeof netkitAttachTypes;

const hints: Readonly<Record<string, string>> = {
  ...attachErrorHints,
  ENXIO: 'the device is not netkit',
  EACCES: 'both hooks attach through the primary, not the peer',
};

/**
 * Attaches a program to a netkit hook through the primary.
 * @returns the link's descriptor @throws BpfError, `no_netkit` on a kernel without netkit
 */
export async function attachProgramToNetkit(hook: NetkitHook, options: BpfLinkOptions): Promise<number> {
  const operation = `attach a program to ${hook} of ifindex ${options.ifindex}`;
  try {
    return await createBpfLink(operation, { ...options, attachType: netkitAttachTypes[hook] });
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.errnoName === 'EINVAL')
      throw new BpfError(operation, error.errno, {
        code: 'no_netkit',
        hint: 'netkit needs Linux 6.7 or a backport with CONFIG_NETKIT',
      });
    throw error.withHint(hints[error.errnoName]);
  }
}
