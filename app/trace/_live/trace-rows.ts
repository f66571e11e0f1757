import type { TracePacket, TracePoint } from '../../../contract/trace.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { traceText } from '../text.ts';

/** Table row for a traced packet or for one of its observations. */
export type TraceRow =
  | { kind: 'packet'; key: string; packet: TracePacket }
  | { kind: 'point'; key: string; packet: TracePacket; point: TracePoint };

/** Returns a table row for each packet, followed by a row for each of its observations if the packet is open. */
export const buildTraceRows = (
  packets: readonly TracePacket[],
  open: (number: number) => boolean,
): TraceRow[] =>
  packets.flatMap((packet): TraceRow[] => [
    { kind: 'packet', key: `${packet.number}`, packet },
    ...(open(packet.number)
      ? packet.points.map(
          (point, index): TraceRow => ({ kind: 'point', key: `${packet.number}.${index}`, packet, point }),
        )
      : []),
  ]);

const directions = { 'from-pod': traceText.fromPodPrefix, 'to-pod': traceText.toPodPrefix } as const;

/**
 * Formats the location of an observation, e.g. `from shop.cart, netkit/peer`, or the network namespace for drops by
 * the kernel.
 */
export function formatTracePointLocation({ where, pod, device }: TracePoint): string {
  const name = pod === null ? null : `${pod.namespace}.${pod.name}`;
  if (where === 'kernel') return name === null ? traceText.kernelOnHost : traceText.kernelInPod(name);
  const hook = device?.hook ?? null;
  return `${directions[where]} ${name ?? traceText.deletedPod}${hook === null ? '' : `, ${hook}`}`;
}

/** Formats the verdict of an observation. */
export function formatTracePointVerdict({ where, verdict, to }: TracePoint): string {
  if (verdict === 'redirected')
    return to === null ? traceText.redirected : traceText.redirectedTo(formatPodName(to));
  if (verdict === 'dropped') return traceText.dropped;
  return where === 'from-pod' ? traceText.toHostStack : traceText.deliveredToPod;
}

/** Formats a time in µs with three digits, e.g. `3.1 µs`, `842 µs` or `1.24 ms`. */
export function formatMicroseconds(us: number): string {
  if (us < 99.95) return `${us.toFixed(1)} µs`;
  if (us < 999.5) return `${Math.round(us)} µs`;
  return us < 999_500 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1e6).toPrecision(3)} s`;
}
