import { z } from 'zod';
import { parseAddress } from './cidr.ts';
import { deviceKind, type HookFamily, hook } from './device.ts';
import { packetHeaders, podReference } from './verdict.ts';

/** How long nothing may be seen of a packet before it is taken to have gone, in ms. */
export const traceQuietMs = 200;

const address = z
  .string()
  .max(45)
  .refine((text) => {
    try {
      parseAddress(text);
      return true;
    } catch {
      return false;
    }
  }, 'not an IP address');
const port = z.int().min(1).max(65_535);
export const traceProtocol = z
  .enum(['tcp', 'udp', 'sctp', 'icmp'])
  .describe('icmp: ICMP of IPv4 and ICMPv6 of IPv6');
export type TraceProtocol = z.infer<typeof traceProtocol>;

/** Which packets: of the pod, and all that is given must hold. */
const traceFilter = {
  address: address.optional().describe('of either end'),
  port: port.optional().describe('of either end; TCP, UDP and SCTP only'),
  protocol: traceProtocol.optional(),
  family: z.literal([4, 6]).optional(),
};

const filterObject = z.object(traceFilter);
export type TraceFilter = z.infer<typeof filterObject>;

function checkFilter({ address, family, port, protocol }: TraceFilter, context: z.RefinementCtx): void {
  if (address && family && parseAddress(address).family !== family)
    context.addIssue({ code: 'custom', path: ['address'], message: `not an IPv${family} address` });
  if (port && protocol === 'icmp')
    context.addIssue({ code: 'custom', path: ['port'], message: 'ICMP has no ports' });
}

export const newTrace = z
  .strictObject({
    pod: z.string().min(1).max(320).describe('id or namespace.name'),
    ...traceFilter,
    packets: z.int().min(1).max(1000).default(100).describe('the trace ends after this many'),
    seconds: z.number().positive().max(60).default(30).describe('the trace ends after this long'),
  })
  .superRefine(checkFilter);
export type NewTrace = z.infer<typeof newTrace>;
/** `newTrace` before its defaults. */
export type NewTraceInput = z.input<typeof newTrace>;

/** One place that a packet was seen at, a line of the trace. */
export const tracePoint = z.object({
  time: z.string().describe('ISO 8601 with microseconds'),
  sinceUs: z.number().describe('µs since the packet was first seen'),
  deltaUs: z.number().describe('µs since the point before it; 0 at the first'),
  where: z
    .enum(['from-pod', 'to-pod', 'kernel'])
    .describe('our program at the way out of a pod, or into one; kernel: the kernel freed it, not delivered'),
  pod: podReference
    .nullable()
    .describe('whose device; of `kernel`, in whose namespace: null on the node itself'),
  device: z
    .object({ kind: deviceKind, slot: z.int(), hook: hook.nullable() })
    .nullable()
    .describe('of `kernel`, the pod’s device whose primary it was at; null away from those'),
  verdict: z
    .enum(['passed', 'redirected', 'dropped'])
    .describe('passed at `from-pod`: handed to the host’s stack; at `to-pod`: given to the pod'),
  to: podReference.nullable().describe('of `redirected`: the pod whose device it was put on'),
  reason: z
    .string()
    .nullable()
    .describe(
      'of `dropped`: ours as in drops (e.g. denied), of `kernel` enum skb_drop_reason (e.g. NO_SOCKET)',
    ),
  rule: z.string().nullable().describe('name of the rule that dropped it; null: the default, or no rule'),
});
export type TracePoint = z.infer<typeof tracePoint>;

export const traceOutcome = z
  .enum(['delivered', 'dropped', 'lost', 'left', 'unknown'])
  .describe(
    `delivered: given to a pod, and nothing told of it after; dropped: by one of our programs; lost: the kernel dropped it; left: handed to the host’s stack for an address that is no pod’s; unknown: for a pod, which did not see it in ${traceQuietMs} ms`,
  );
export type TraceOutcome = z.infer<typeof traceOutcome>;

/** One packet and where it was seen, in order of time. */
export const tracePacket = packetHeaders.extend({
  number: z.int().describe('from 1, by when it was first seen'),
  time: z.string().describe('ISO 8601 with microseconds'),
  ttl: z.int().describe('time to live, or hop limit, where it was first seen'),
  points: z.array(tracePoint),
  outcome: traceOutcome,
  sentence: z.string().describe('what became of it, in a sentence'),
});
export type TracePacket = z.infer<typeof tracePacket>;

/** A place of the path; edges name it by `id`. */
export const traceNode = z.object({
  id: z.string(),
  where: z
    .enum(['outside', 'from-pod', 'to-pod', 'kernel', 'delivered', 'dropped', 'left', 'unknown'])
    .describe('outside: first seen on the way into a pod; `kernel` and the last four are ends'),
  pod: podReference.nullable(),
  label: z.string().describe('e.g. `shop.cart netkit/peer`, `NO_SOCKET`, `host stack`'),
});
export type TraceNode = z.infer<typeof traceNode>;

/** Packets that went from one place to the next. */
export const traceEdge = z.object({
  from: z.string(),
  to: z.string(),
  by: z
    .enum(['redirect', 'stack'])
    .nullable()
    .describe('from one pod to another: put on its device at once, or by the host’s stack'),
  packets: z.int(),
});
export type TraceEdge = z.infer<typeof traceEdge>;

export const traceSummary = z.object({
  id: z.string(),
  pod: podReference,
  filter: filterObject,
  packets: z.int().describe('limit'),
  seconds: z.number().describe('limit'),
  actor: z.string(),
  state: z.enum(['running', 'ended']),
  ended: z
    .enum(['packets', 'seconds', 'stopped', 'abandoned'])
    .nullable()
    .describe('what ended it; abandoned: nobody watched it any more'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  seen: z.int().describe('packets'),
  path: z.object({ nodes: z.array(traceNode), edges: z.array(traceEdge) }),
  lost: z.int().describe('events that came faster than they were read: packets may lack points'),
  kernelDrops: z
    .object({ available: z.boolean(), detail: z.string(), hint: z.string().nullable() })
    .describe('whether this trace is told what the kernel drops, and why not'),
});
export type TraceSummary = z.infer<typeof traceSummary>;

export const trace = traceSummary.extend({ items: z.array(tracePacket).describe('by number') });
export type Trace = z.infer<typeof trace>;

/** In query strings. */
const number = z.coerce.number();

/**
 * What to capture at the primary of a pod's device, and how much of it. The capture ends with the first limit that it
 * meets, or when its reader goes.
 */
export const captureQuery = z
  .strictObject({
    address: traceFilter.address,
    port: number.int().min(1).max(65_535).optional().describe('of either end; TCP, UDP and SCTP only'),
    protocol: traceFilter.protocol,
    family: number.pipe(z.literal([4, 6])).optional(),
    packets: number.int().min(1).max(100_000).default(1000),
    seconds: number.positive().max(240).default(30),
    bytes: number.int().min(1024).max(268_435_456).default(16_777_216).describe('of the file'),
    snaplen: number.int().min(40).max(65_535).default(65_535).describe('bytes of each packet that are kept'),
  })
  .superRefine(checkFilter);
export type CaptureQuery = z.infer<typeof captureQuery>;

/** What a capture at the primary shows of packets that programs drop or redirect, by where our programs are. */
export const captureSees: Record<HookFamily, string> = {
  netkit:
    'packets after our program on the way out of the pod, and before it on the way in: what it drops of the pod’s own, or hands to another pod of the node at once, is not seen; what it drops on the way in is',
  tcx: 'packets before our program on the way out of the pod, and after it on the way in: what it drops of the pod’s own, or hands to another pod, is seen; what it drops on the way in is not',
  tc: 'packets before our program on the way out of the pod, and after it on the way in: what it drops of the pod’s own, or hands to another pod, is seen; what it drops on the way in is not',
};
