import type { Btf } from '../bpf/btf.ts';

/** SKB_DROP_REASON_SUBSYS_SHIFT, <net/dropreason-core.h>: above it a subsystem's number, below its own reason. */
const subsystemShift = 16;
/** What the kernel tells by the same enum, and is no drop. */
const noDrops = new Set(['SKB_NOT_DROPPED_YET', 'SKB_CONSUMED']);

/** What the running kernel says of a dropped packet. */
export interface DropReasons {
  /** `NO_SOCKET`; a subsystem's by its number, `OPENVSWITCH_2`; null for what is no drop. */
  name(reason: number): string | null;
  /** Whether tracepoint kfree_skb tells the socket that should have received the packet (Linux 6.11). */
  hasReceiverSocket: boolean;
}

/** Out of the kernel's own types, since numbers differ from kernel to kernel. */
export function readDropReasons(btf: Btf): DropReasons {
  const reasons = btf.enumNames('skb_drop_reason') ?? new Map<number, string>();
  const subsystems = btf.enumNames('skb_drop_reason_subsys') ?? new Map<number, string>();
  // void *, skb, location, reason, from 6.11 the socket.
  const receiverTold = (btf.tracepointParameters('kfree_skb')?.parameters.length ?? 0) > 4;
  return {
    hasReceiverSocket: receiverTold,
    name(reason) {
      const known = reasons.get(reason);
      if (known !== undefined) return noDrops.has(known) ? null : known.replace(/^SKB_DROP_REASON_/, '');
      const subsystem = reason >>> subsystemShift;
      if (subsystem === 0) return `REASON_${reason}`;
      const name = subsystems.get(subsystem)?.replace(/^SKB_DROP_REASON_SUBSYS_/, '');
      return `${name ?? `SUBSYSTEM_${subsystem}`}_${reason & ((1 << subsystemShift) - 1)}`;
    },
  };
}
