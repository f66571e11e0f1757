import { BpfRefusal } from './syscall.ts';
import { createLink } from './link.ts';
import { type HookOrder, orderHints } from './anchor.ts';

/** enum bpf_attach_type (linux/bpf.h). */
export const tcxAttachTypes = { 'tcx/ingress': 46, 'tcx/egress': 47 } as const;
export type TcxHook = keyof typeof tcxAttachTypes;

/**
 * Attaches `program` to a device of the caller's namespace, by default after what is there; answers the link.
 * @throws BpfRefusal, `no_tcx` on a kernel without it
 */
export async function attachTcx(
  hook: TcxHook,
  ifindex: number,
  program: number,
  order?: HookOrder,
): Promise<number> {
  const tried = `attach ${hook} of ifindex ${ifindex}`;
  try {
    return await createLink(tried, program, ifindex, tcxAttachTypes[hook], order);
  } catch (error) {
    if (!(error instanceof BpfRefusal)) throw error;
    if (error.reason === 'EINVAL')
      throw new BpfRefusal(tried, error.errno, {
        code: 'no_tcx',
        hint: 'tcx needs Linux 6.6 or a backport with CONFIG_NET_XGRESS',
      });
    const hint = orderHints[error.reason];
    throw hint === undefined ? error : new BpfRefusal(tried, error.errno, { hint });
  }
}
