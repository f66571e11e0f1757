import type { Btf } from '../bpf/btf.ts';

/**
 * SKB_DROP_REASON_SUBSYS_SHIFT, <net/dropreason-core.h>: a drop reason has its subsystem in the bits from this one on,
 * and the subsystem's own reason in the bits below.
 */
const subsystemShift = 16;
/** Names in enum skb_drop_reason that do not mean a drop. */
const notDrops = new Set(['SKB_NOT_DROPPED_YET', 'SKB_CONSUMED']);

/** Drop reasons of the running kernel. */
export interface KernelDropReasons {
  /**
   * Names a drop reason, such as `NO_SOCKET`, or `OPENVSWITCH_2` for a subsystem's; null for values that are no drop.
   */
  name(reason: number): string | null;
  /** True if tracepoint kfree_skb has the receiving socket as an argument (Linux 6.11). */
  hasReceiverSocket: boolean;
}

/** Reads the drop reasons from the kernel's BTF, since their numbers differ between kernels. */
export function readKernelDropReasons(btf: Btf): KernelDropReasons {
  const reasons = btf.enumNames('skb_drop_reason') ?? new Map<number, string>();
  const subsystems = btf.enumNames('skb_drop_reason_subsys') ?? new Map<number, string>();
  // Parameters: void *, skb, location, reason, since 6.11 the socket.
  const receiverTold = (btf.tracepointParameters('kfree_skb')?.parameters.length ?? 0) > 4;
  return {
    hasReceiverSocket: receiverTold,
    name(reason) {
      const known = reasons.get(reason);
      if (known !== undefined) return notDrops.has(known) ? null : known.replace(/^SKB_DROP_REASON_/, '');
      const subsystem = reason >>> subsystemShift;
      if (subsystem === 0) return `REASON_${reason}`;
      const name = subsystems.get(subsystem)?.replace(/^SKB_DROP_REASON_SUBSYS_/, '');
      return `${name ?? `SUBSYSTEM_${subsystem}`}_${reason & ((1 << subsystemShift) - 1)}`;
    },
  };
}
