import { BpfError } from './syscall.ts';
import { createLink } from './link.ts';
import { type Anchor, anchorHints } from './anchor.ts';

/** enum bpf_attach_type (linux/bpf.h). */
export const tcxAttachTypes = { 'tcx/ingress': 46, 'tcx/egress': 47 } as const;
export type TcxHook = keyof typeof tcxAttachTypes;

/**
 * Attaches `program` to a device of the caller's namespace, by default after what is there; answers the link.
 * @throws BpfError, `no_tcx` on a kernel without it
 */
export async function attachTcx(
  hook: TcxHook,
  ifindex: number,
  program: number,
  order?: Anchor,
): Promise<number> {
  const tried = `attach ${hook} of ifindex ${ifindex}`;
  try {
    return await createLink(tried, program, ifindex, tcxAttachTypes[hook], order);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.errnoName === 'EINVAL')
      throw new BpfError(tried, error.errno, {
        code: 'no_tcx',
        hint: 'tcx needs Linux 6.6 or a backport with CONFIG_NET_XGRESS',
      });
    const hint = anchorHints[error.errnoName];
    throw hint === undefined ? error : new BpfError(tried, error.errno, { hint });
  }
}
