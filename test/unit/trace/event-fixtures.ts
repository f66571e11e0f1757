import type { TraceEvent, VerdictEvent } from '../../../server/bpf/packet-events.ts';
import { type PacketParts, packet } from './packet-fixtures.ts';

/** A TCP SYN of the pod numbered 1 that was denied, unless said otherwise. */
export const verdictEvent = (more: Partial<VerdictEvent> = {}): VerdictEvent => ({
  timeNs: process.hrtime.bigint(),
  slot: 1,
  owner: 1,
  direction: 'egress',
  kind: 'dropped',
  reason: 'denied',
  set: 'active',
  generation: 3,
  rule: 7,
  protocol: 6,
  length: 60,
  tcpFlags: 2,
  source: '10.0.0.1',
  destination: '192.0.2.9',
  sourcePort: 40000,
  destinationPort: 80,
  icmp: null,
  ethertype: more.source?.includes(':') ? 0x86dd : 0x0800,
  realPeer: null,
  ...more,
});

/** An egress run of slot 1 that passed, with the given changes. */
export function traceEvent(parts: PacketParts, more: Partial<TraceEvent> = {}): TraceEvent {
  const headers = packet(parts);
  return {
    id: 1,
    timeNs: process.hrtime.bigint(),
    slot: 1,
    owner: 1,
    hook: 'netkit/peer',
    verdict: 'next',
    reason: null,
    rule: 0,
    target: null,
    length: headers.length,
    headers,
    ...more,
  };
}
