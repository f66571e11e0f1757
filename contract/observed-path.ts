import { z } from 'zod';
import { attachedProgramSchema, deviceEndSchema } from './device.ts';
import { observedKindSchema, publishedPortSchema } from './observed-pod.ts';
import { pathHopSchema } from './pod-path.ts';

const [containerHopSchema, , hostHopSchema, , uplinkHopSchema] = pathHopSchema.options;

/** A rule of the node that translates addresses of an observed pod, with the conditions on the way to it. */
export const natRuleSchema = z.object({
  action: z.enum(['dnat', 'snat', 'masquerade', 'redirect']),
  place: z
    .string()
    .describe('Firewall, table and chain, as in `iptables nat DOCKER` or `nftables ip nat postrouting`'),
  protocol: z.string().nullable(),
  port: z.string().nullable().describe('Destination port or ports; null for all'),
  source: z.string().nullable().describe('Source of the packets that it applies to; null for all'),
  destination: z.string().nullable(),
  to: z.object({ address: z.string().nullable(), port: z.number().int().nullable() }).nullable(),
  conditions: z
    .array(z.string())
    .describe('Further conditions, those that Podlane does not evaluate by their names'),
});
export type NatRule = z.infer<typeof natRuleSchema>;

export const observedPathHopSchema = z.discriminatedUnion('type', [
  containerHopSchema,
  z.object({
    type: z.literal('interface'),
    kind: observedKindSchema,
    mode: z.string().nullable(),
    podEnd: deviceEndSchema,
    hostEnd: deviceEndSchema.nullable(),
    parent: z.object({ name: z.string(), ifindex: z.number().int() }).nullable(),
    elsewhere: z.string().nullable().describe('Why the path cannot be followed from here'),
    programs: z
      .array(attachedProgramSchema)
      .describe('On the hooks of the host end, in the order that packets pass them'),
  }),
  z.object({
    type: z.literal('bridge'),
    name: z.string(),
    ifindex: z.number().int(),
    mtu: z.number().int(),
    up: z.boolean(),
    addresses: z.array(z.string()).describe('The pod’s gateway is one of them, if the bridge routes'),
    ports: z.array(z.string()).describe('Names of its ports, at most 256'),
    hairpin: z.boolean().nullable().describe('True if it sends frames back by the port that they came from'),
  }),
  hostHopSchema,
  z.object({
    type: z.literal('nat'),
    published: z.array(publishedPortSchema).describe('Ports of the node that lead to the pod'),
    rules: z.array(natRuleSchema),
    unread: z
      .array(z.string())
      .describe('What could not be read or is not evaluated, such as maps of nftables'),
  }),
  uplinkHopSchema,
]);
export type ObservedPathHop = z.infer<typeof observedPathHopSchema>;

/** Path of a packet that leaves an observed pod by one of its interfaces. */
export const observedPodPathSchema = z.object({
  pod: z.string(),
  interface: z.string(),
  hops: z.array(observedPathHopSchema),
});
export type ObservedPodPath = z.infer<typeof observedPodPathSchema>;
