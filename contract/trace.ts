import { z } from 'zod';
import { parseAddress } from './cidr.ts';
import { deviceKindSchema, type HookFamily, hookSchema } from './device.ts';
import { packetHeadersSchema, podReferenceSchema } from './verdict.ts';

/** Time in ms without an observation after which a packet's trace is complete. */
export const traceQuietPeriodMs = 200;

/** Returns the family of an address; null for a text that is none. */
function addressFamily(text: string): 4 | 6 | null {
  try {
    return parseAddress(text).family;
  } catch {
    return null;
  }
}

const address = z
  .string()
  .max(45)
  .refine((text) => addressFamily(text) !== null, 'not an IP address');
const port = z.int().min(1).max(65_535);
export const traceProtocolSchema = z
  .enum(['tcp', 'udp', 'sctp', 'icmp'])
  .describe('icmp: ICMP for IPv4, ICMPv6 for IPv6');
export type TraceProtocol = z.infer<typeof traceProtocolSchema>;

/** Filter of a pod's packets for a trace; a packet must match all given fields. */
const traceFilter = {
  address: address.optional().describe('source or destination'),
  port: port.optional().describe('source or destination; TCP, UDP and SCTP only'),
  protocol: traceProtocolSchema.optional(),
  family: z.literal([4, 6]).optional(),
};

const filterObject = z.object(traceFilter);
export type TraceFilter = z.infer<typeof filterObject>;

function checkFilter({ address, family, port, protocol }: TraceFilter, context: z.RefinementCtx): void {
  // Called for a text that is no address as well, which the field's own check reports.
  if (address && family && (addressFamily(address) ?? family) !== family)
    context.addIssue({ code: 'custom', path: ['address'], message: `not an IPv${family} address` });
  if (port && protocol === 'icmp')
    context.addIssue({ code: 'custom', path: ['port'], message: 'ICMP has no ports' });
}

export const newTraceSchema = z
  .strictObject({
    pod: z.string().min(1).max(320).describe('id or namespace.name'),
    ...traceFilter,
    packets: z.int().min(1).max(1000).default(100).describe('limit of packets, at which the trace ends'),
    seconds: z.number().positive().max(60).default(30).describe('limit of time, at which the trace ends'),
  })
  .superRefine(checkFilter);
export type NewTrace = z.infer<typeof newTraceSchema>;
/** A trace request as the client sends it, before defaults are filled in. */
export type NewTraceInput = z.input<typeof newTraceSchema>;

/** One observation of a traced packet. */
export const tracePointSchema = z.object({
  time: z.string().describe('ISO 8601 with microseconds'),
  sinceUs: z.number().describe('µs since the packet’s first observation'),
  deltaUs: z.number().describe('µs since the previous observation; 0 for the first'),
  where: z
    .enum(['from-pod', 'to-pod', 'kernel'])
    .describe('Podlane’s program at egress or ingress of a pod; kernel: the kernel dropped the packet'),
  pod: podReferenceSchema
    .nullable()
    .describe('pod of the device; for `kernel` the pod of the network namespace, null for the host'),
  device: z
    .object({ kind: deviceKindSchema, slot: z.int(), hook: hookSchema.nullable() })
    .nullable()
    .describe('for `kernel` the device whose primary the packet was at, if any'),
  verdict: z
    .enum(['passed', 'redirected', 'dropped'])
    .describe('passed: to the host’s stack at `from-pod`, to the pod at `to-pod`'),
  to: podReferenceSchema.nullable().describe('for `redirected` the destination pod'),
  reason: z
    .string()
    .nullable()
    .describe(
      'for `dropped` the reason as in drops (e.g. denied); for `kernel` enum skb_drop_reason (e.g. NO_SOCKET)',
    ),
  rule: z
    .string()
    .nullable()
    .describe('name of the rule that dropped it; null for the default action and other reasons'),
});
export type TracePoint = z.infer<typeof tracePointSchema>;

export const traceOutcomeSchema = z
  .enum(['delivered', 'dropped', 'lost', 'left', 'unknown'])
  .describe(
    `delivered: to a pod; dropped: by one of Podlane’s programs; lost: dropped by the kernel; left: passed to the host’s stack for an address that is not a pod of the node; unknown: addressed to a pod but not observed there within ${traceQuietPeriodMs} ms`,
  );
export type TraceOutcome = z.infer<typeof traceOutcomeSchema>;

/** A traced packet with its observations in order of time. */
export const tracePacketSchema = packetHeadersSchema.extend({
  number: z.int().describe('from 1, in order of the first observation'),
  time: z.string().describe('ISO 8601 with microseconds'),
  ttl: z.int().describe('time to live, or hop limit, at the first observation'),
  points: z.array(tracePointSchema),
  outcome: traceOutcomeSchema,
  sentence: z.string().describe('the outcome as a sentence'),
});
export type TracePacket = z.infer<typeof tracePacketSchema>;

/** A node of the path graph of a trace; edges refer to its `id`. */
export const traceNodeSchema = z.object({
  id: z.string(),
  where: z
    .enum(['outside', 'from-pod', 'to-pod', 'kernel', 'delivered', 'dropped', 'left', 'unknown'])
    .describe('outside: first observed at ingress of a pod; `kernel` and the last four are outcomes'),
  pod: podReferenceSchema.nullable(),
  label: z.string().describe('e.g. `shop.cart netkit/peer`, `NO_SOCKET`, `host stack`'),
});
export type TraceNode = z.infer<typeof traceNodeSchema>;

/** An edge of the path graph of a trace: packets that went from one node of the graph to another. */
export const traceEdgeSchema = z.object({
  from: z.string(),
  to: z.string(),
  by: z
    .enum(['redirect', 'stack'])
    .nullable()
    .describe('between pods: by redirect, or through the host’s stack'),
  packets: z.int(),
});
export type TraceEdge = z.infer<typeof traceEdgeSchema>;

export const traceSummarySchema = z.object({
  id: z.string(),
  pod: podReferenceSchema,
  filter: filterObject,
  packets: z.int().describe('limit of packets'),
  seconds: z.number().describe('limit of time'),
  actor: z.string(),
  state: z.enum(['running', 'ended']),
  ended: z
    .enum(['packets', 'seconds', 'stopped', 'abandoned'])
    .nullable()
    .describe('why it ended; abandoned: its last watcher left'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  seen: z.int().describe('number of packets'),
  path: z.object({ nodes: z.array(traceNodeSchema), edges: z.array(traceEdgeSchema) }),
  lost: z.int().describe('events lost because a ring buffer was full: packets may lack observations'),
  kernelDrops: z
    .object({ available: z.boolean(), detail: z.string(), hint: z.string().nullable() })
    .describe('whether kernel drops are traced, and why not'),
});
export type TraceSummary = z.infer<typeof traceSummarySchema>;

export const traceSchema = traceSummarySchema.extend({
  items: z.array(tracePacketSchema).describe('in order of `number`'),
});
export type Trace = z.infer<typeof traceSchema>;

/** A number in a query string. */
const number = z.coerce.number();

/**
 * Filter and limits of a capture at the primary of a pod's device. The capture ends at the first limit, or when its
 * reader disconnects.
 */
export const captureQuerySchema = z
  .strictObject({
    address: traceFilter.address,
    port: number
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .describe('source or destination; TCP, UDP and SCTP only'),
    protocol: traceFilter.protocol,
    family: number.pipe(z.literal([4, 6])).optional(),
    packets: number.int().min(1).max(100_000).default(1000),
    seconds: number.positive().max(240).default(30),
    bytes: number.int().min(1024).max(268_435_456).default(16_777_216).describe('limit of the file size'),
    snaplen: number.int().min(40).max(65_535).default(65_535).describe('limit of captured bytes per packet'),
  })
  .superRefine(checkFilter);
export type CaptureQuery = z.infer<typeof captureQuerySchema>;

/**
 * Descriptions of the packets that a capture at the primary shows and misses, by the hook family of Podlane's programs.
 * They appear in the API description, the capture file and the dashboard.
 */
export const primaryCaptureDescriptions: Record<HookFamily, string> = {
  netkit:
    'egress packets after Podlane’s program and ingress packets before it: egress packets that it drops or redirects are missing, ingress packets that it drops are shown',
  tcx: 'egress packets before Podlane’s program and ingress packets after it: egress packets that it drops or redirects are shown, ingress packets that it drops are missing',
  tc: 'egress packets before Podlane’s program and ingress packets after it: egress packets that it drops or redirects are shown, ingress packets that it drops are missing',
};
