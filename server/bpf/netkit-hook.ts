import { BpfError } from './syscall.ts';
import { createLink } from './link.ts';
import { type Anchor, anchorHints } from './anchor.ts';

/** enum bpf_attach_type (linux/bpf.h). */
export const netkitAttachTypes = { 'netkit/primary': 54, 'netkit/peer': 55 } as const;
export type NetkitHook = keyof typeof netkitAttachTypes;

const hints: Record<string, string> = {
  ...anchorHints,
  ENXIO: 'the device is not netkit',
  EACCES: 'both hooks attach through the primary, not the peer',
};

/**
 * Attaches `program` to a netkit device of the caller's namespace, by default after what is there; answers the link.
 * `ifindex` is the primary's for both hooks.
 * @throws BpfError, `no_netkit` on a kernel without it
 */
export async function attachNetkit(
  hook: NetkitHook,
  ifindex: number,
  program: number,
  order?: Anchor,
): Promise<number> {
  const tried = `attach ${hook} of ifindex ${ifindex}`;
  try {
    return await createLink(tried, program, ifindex, netkitAttachTypes[hook], order);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.errnoName === 'EINVAL')
      throw new BpfError(tried, error.errno, {
        code: 'no_netkit',
        hint: 'netkit needs Linux 6.7 or a backport with CONFIG_NETKIT',
      });
    const hint = hints[error.errnoName];
    throw hint === undefined ? error : new BpfError(tried, error.errno, { hint });
  }
}
