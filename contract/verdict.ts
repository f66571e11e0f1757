import { z } from 'zod';
import { parseCidr } from './cidr.ts';
import { dropReasons } from './counter-table.ts';
import { directionSchema } from './direction.ts';
import { clusterAddressOwnerSchema } from './kubernetes.ts';
import { createPageSchema, listQuerySchema } from './pagination.ts';
import { ruleSetNameSchema } from './rules.ts';

/** A pod with its name at the time of the packet; the pod may have been removed since. */
export const podReferenceSchema = z.object({ id: z.string(), namespace: z.string(), name: z.string() });
export type PodReference = z.infer<typeof podReferenceSchema>;

/** Source or destination of a packet; `address` is empty for a frame that is not IP. `pod` is null unless the address belongs to a pod of the node. */
export const packetEndpointSchema = z.object({
  address: z.string(),
  port: z.int().nullable().describe('null for protocols without ports'),
  pod: podReferenceSchema.nullable(),
  cluster: clusterAddressOwnerSchema
    .optional()
    .describe('Service or pod of the cluster that has the address, where it is no pod of the node'),
});
export type PacketEndpoint = z.infer<typeof packetEndpointSchema>;

/** Network and transport headers of a packet. */
export const packetHeadersSchema = z.object({
  family: z.literal([4, 6]).nullable().describe('null: a frame that is not IP, whose addresses are empty'),
  ethertype: z
    .string()
    .describe('type of the frame by name (ipv4, ipv6, vlan, lldp, ptp, pppoe, …), else its number: 0x88b5'),
  protocol: z
    .int()
    .describe('IP protocol number; for IPv6 the last next header; 0 for a frame that is not IP'),
  protocolName: z
    .string()
    .describe(
      'tcp, udp, sctp, icmp, icmpv6, else the number as text; the ethertype of a frame that is not IP',
    ),
  source: packetEndpointSchema,
  destination: packetEndpointSchema,
  icmp: z.object({ type: z.int(), code: z.int() }).nullable(),
  tcpFlags: z
    .string()
    .nullable()
    .describe('letters as tcpdump prints them: F S R P . U E W, e.g. `S.` for SYN and ACK'),
  length: z.int().describe('bytes from the network header on'),
});
export type PacketHeaders = z.infer<typeof packetHeadersSchema>;

export const verdictKindSchema = z
  .enum(['dropped', 'logged', 'staged-deny', 'staged-allow'])
  .describe(
    'logged: a rule of action `log` matched; staged-deny, staged-allow: the staged rules decide otherwise than the active ones',
  );
export type VerdictKind = z.infer<typeof verdictKindSchema>;

/**
 * A verdict on a packet that was dropped or logged, or that the staged rules would decide differently. The log may be
 * incomplete, see `losses`.
 */
export const verdictSchema = packetHeadersSchema.extend({
  id: z.int().describe('ascending since the agent started; missing ids were evicted from the log'),
  time: z.iso.datetime(),
  kind: verdictKindSchema,
  direction: directionSchema,
  pod: podReferenceSchema.nullable().describe('pod whose rules evaluated it; null: it was removed meanwhile'),
  reason: z.enum(dropReasons).nullable().describe('why it was dropped; null if it was not'),
  set: ruleSetNameSchema,
  realPeer: packetEndpointSchema
    .nullable()
    .describe(
      'other end that the rules saw, where the host translates it: the backend of a service, or the source before masquerading',
    ),
  generation: z.int().describe('generation of the rule set that evaluated it'),
  rule: z
    .string()
    .nullable()
    .describe('name of the deciding rule; null: the default action, or no rule was evaluated'),
});
export type Verdict = z.infer<typeof verdictSchema>;

/** Numbers of verdicts missing from the verdict log since the agent started. */
export const verdictLossesSchema = z.object({
  rateLimited: z.int().describe('above the pod’s rate limit'),
  bufferFull: z.int().describe('lost because the ring buffer was full'),
  pushedOut: z.int().describe('evicted from the log'),
  pods: z
    .array(z.object({ pod: podReferenceSchema, packets: z.int() }))
    .describe('current pods by rateLimited plus bufferFull, highest first'),
});
export type VerdictLosses = z.infer<typeof verdictLossesSchema>;

const range = z.string().max(64).refine(isRange, 'not an address or CIDR such as 10.0.0.0/8');

function isRange(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

const filter = {
  pod: z.string().max(320).optional().describe('source or destination; id or namespace.name'),
  rule: z.string().max(400).optional(),
  address: range.optional().describe('source or destination; an address or CIDR'),
  protocol: z.string().max(8).optional().describe('name or number'),
  verdict: verdictKindSchema.optional(),
  direction: directionSchema.optional(),
  set: ruleSetNameSchema.optional(),
};
const port = z.int().min(0).max(65_535).optional().describe('source or destination');

/** Filter of verdicts; a verdict must match all given fields. */
export const verdictFilterSchema = z.strictObject({ ...filter, port });
export type VerdictFilter = z.infer<typeof verdictFilterSchema>;
/** Filter of verdicts in a query string. */
export const verdictQuerySchema = z.object({
  ...filter,
  port: z.coerce.number().int().min(0).max(65_535).optional().describe('source or destination'),
});

export const verdictListQuerySchema = verdictQuerySchema.extend({
  before: z
    .string()
    .regex(/^\d{1,15}$/, 'not the `next` of a page')
    .optional(),
  limit: listQuerySchema.shape.limit,
});

export type VerdictListQuery = z.infer<typeof verdictListQuerySchema>;

/** A page of the verdict log, newest first. */
export const verdictListSchema = createPageSchema(verdictSchema).extend({
  size: z.int().describe('verdicts in the log, regardless of the filter'),
  capacity: z.int().describe('capacity of the log'),
  losses: verdictLossesSchema,
});
export type VerdictList = z.infer<typeof verdictListSchema>;
