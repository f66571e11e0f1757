import { z } from 'zod';
import { parseCidr } from './cidr.ts';
import { dropReasons } from './counters.ts';
import { direction } from './direction.ts';
import { listOf, listQuery } from './list.ts';
import { ruleSetName } from './rules.ts';

/** A pod as it was named when the packet was seen; it may be gone since. */
export const podReference = z.object({ id: z.string(), namespace: z.string(), name: z.string() });
export type PodReference = z.infer<typeof podReference>;

/** One side of a packet. `pod` is there when the address is one of the node's pods. */
export const packetEnd = z.object({
  address: z.string(),
  port: z.int().nullable().describe('null for protocols that have none'),
  pod: podReference.nullable(),
});
export type PacketEnd = z.infer<typeof packetEnd>;

/** What a packet's headers say of it. */
export const packetHeaders = z.object({
  family: z.literal([4, 6]),
  protocol: z.int().describe('IP protocol number: the last next header of IPv6'),
  protocolName: z.string().describe('tcp, udp, sctp, icmp, icmpv6, else the number as text'),
  source: packetEnd,
  destination: packetEnd,
  icmp: z.object({ type: z.int(), code: z.int() }).nullable(),
  tcpFlags: z
    .string()
    .nullable()
    .describe('letters as tcpdump writes them: F S R P . U E W, e.g. `S.` for SYN and ACK'),
  length: z.int().describe('bytes from the network header on'),
});
export type PacketHeaders = z.infer<typeof packetHeaders>;

export const verdictKind = z
  .enum(['dropped', 'logged', 'staged-deny', 'staged-allow'])
  .describe(
    'logged: a rule of action `log` matched; staged-deny, staged-allow: the staged rules decide otherwise than the active ones',
  );
export type VerdictKind = z.infer<typeof verdictKind>;

/** A packet that was dropped or logged, or that the staged rules would decide otherwise. A sample: see `losses`. */
export const verdict = packetHeaders.extend({
  id: z.int().describe('ascending since the agent started; what is missing in between was pushed out'),
  time: z.iso.datetime(),
  kind: verdictKind,
  direction,
  pod: podReference.nullable().describe('pod whose rules evaluated it; null: it was removed meanwhile'),
  reason: z.enum(dropReasons).nullable().describe('why it was dropped; null when it was not'),
  set: ruleSetName,
  generation: z.int().describe('generation of the rule set that evaluated it'),
  rule: z
    .string()
    .nullable()
    .describe('name of the deciding rule; null: the default action, or no rule was evaluated'),
});
export type Verdict = z.infer<typeof verdict>;

/** What the log does not show, since the agent started. */
export const verdictLosses = z.object({
  rateLimited: z.int().describe('beyond a pod’s rate of events'),
  bufferFull: z.int().describe('came faster than the agent read them'),
  pushedOut: z.int().describe('older than the log holds'),
  pods: z
    .array(z.object({ pod: podReference, packets: z.int() }))
    .describe('of rateLimited and bufferFull, the pods there are now, most first'),
});
export type VerdictLosses = z.infer<typeof verdictLosses>;

const range = z.string().max(64).refine(isRange, 'not an address, nor a range of addresses as 10.0.0.0/8');

function isRange(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

const filter = {
  pod: z.string().max(320).optional().describe('at either end; id or namespace.name'),
  rule: z.string().max(400).optional(),
  address: range.optional().describe('of either end; an address or a range in CIDR form'),
  protocol: z.string().max(8).optional().describe('name or number'),
  verdict: verdictKind.optional(),
  direction: direction.optional(),
  set: ruleSetName.optional(),
};
const port = z.int().min(0).max(65_535).optional().describe('of either end');

/** Which verdicts; all that is given must hold. */
export const verdictFilter = z.strictObject({ ...filter, port });
export type VerdictFilter = z.infer<typeof verdictFilter>;
/** The same in a query string. */
export const verdictQuery = z.object({
  ...filter,
  port: z.coerce.number().int().min(0).max(65_535).optional().describe('of either end'),
});

export const verdictListQuery = verdictQuery.extend({
  before: z
    .string()
    .regex(/^\d{1,15}$/, 'not the `next` of a page')
    .optional(),
  limit: listQuery.shape.limit,
});

export type VerdictListQuery = z.infer<typeof verdictListQuery>;

/** A page of the log, the newest first. */
export const verdictList = listOf(verdict).extend({
  kept: z.int().describe('verdicts in the log, whatever the filter'),
  capacity: z.int().describe('verdicts that it can hold'),
  losses: verdictLosses,
});
export type VerdictList = z.infer<typeof verdictList>;
