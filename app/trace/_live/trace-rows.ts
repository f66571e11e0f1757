import type { TracePacket, TracePoint } from '../../../contract/trace.ts';
import { qualifiedPodName } from '../../_lib/packet-labels.ts';
import { traceText } from '../text.ts';

/** A packet, or one place where it was seen. */
export type TraceRow =
  | { kind: 'packet'; key: string; packet: TracePacket }
  | { kind: 'point'; key: string; packet: TracePacket; point: TracePoint };

/** Packets with the places of those that are open under them, newest packet last. */
export const traceRows = (packets: readonly TracePacket[], open: (number: number) => boolean): TraceRow[] =>
  packets.flatMap((packet): TraceRow[] => [
    { kind: 'packet', key: `${packet.number}`, packet },
    ...(open(packet.number)
      ? packet.points.map(
          (point, index): TraceRow => ({ kind: 'point', key: `${packet.number}.${index}`, packet, point }),
        )
      : []),
  ]);

const directions = { 'from-pod': traceText.fromPodPrefix, 'to-pod': traceText.toPodPrefix } as const;

/** `out of shop.cart, netkit/peer`; of what the kernel dropped `the kernel, in shop.cart`. */
export function pointLocation({ where, pod, device }: TracePoint): string {
  const name = pod === null ? null : `${pod.namespace}.${pod.name}`;
  if (where === 'kernel') return name === null ? traceText.kernelOnHost : traceText.kernelInPod(name);
  const hook = device?.hook ?? null;
  return `${directions[where]} ${name ?? traceText.deletedPod}${hook === null ? '' : `, ${hook}`}`;
}

/** What was decided there. */
export function pointVerdict({ where, verdict, to }: TracePoint): string {
  if (verdict === 'redirected')
    return to === null ? traceText.redirected : traceText.redirectedTo(qualifiedPodName(to));
  if (verdict === 'dropped') return traceText.dropped;
  return where === 'from-pod' ? traceText.toHostStack : traceText.deliveredToPod;
}

/** Microseconds in three digits: `3.1 µs`, `842 µs`, `1.24 ms`. */
export function formatMicroseconds(us: number): string {
  if (us < 99.95) return `${us.toFixed(1)} µs`;
  if (us < 999.5) return `${Math.round(us)} µs`;
  return us < 999_500 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1e6).toPrecision(3)} s`;
}
