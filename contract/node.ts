import { z } from 'zod';
import { conditionSchema } from './condition.ts';

/** Names of the kernel features that the agent probes. */
export const kernelCapabilityNameSchema = z.enum([
  'netkit',
  'tcx',
  'clsact',
  'btf',
  'drop-reasons',
  'bpf-stats',
  'live-rename',
  'conntrack',
]);
export type KernelCapabilityName = z.infer<typeof kernelCapabilityNameSchema>;

/** A kernel feature, detected by trying to use it rather than by the kernel version. */
export const kernelCapabilitySchema = z.object({
  name: kernelCapabilityNameSchema,
  available: z.boolean(),
  detail: z.string().describe('How it was probed and, if missing, the kernel’s error'),
  hint: z.string().nullable().describe('What the kernel needs to have it, if missing'),
});
export type KernelCapability = z.infer<typeof kernelCapabilitySchema>;

/** The node that the agent runs on. */
export const nodeInfoSchema = z.object({
  name: z.string(),
  bootId: z.string(),
  kernel: z.object({ release: z.string(), version: z.string(), machine: z.string() }),
  environment: z.enum(['native', 'guest']).describe('`guest`: the virtual machine of the lab'),
  lab: z.boolean().describe('True if the agent accepts reports of the lab’s traffic'),
  cpus: z.number().int(),
  capabilities: z.array(kernelCapabilitySchema),
  conditions: z
    .array(conditionSchema)
    .describe('Faults of the node that concern its pods, such as forwarding that is off'),
  slots: z
    .object({ used: z.number().int(), max: z.number().int() })
    .describe('Device slots; a pod uses one, and two during a migration'),
  versions: z.object({ podlane: z.string(), node: z.string(), libbpf: z.string(), api: z.string() }),
  agent: z.object({ pid: z.number().int(), startedAt: z.iso.datetime() }),
  datapath: z.object({ pins: z.string(), build: z.string().describe('SHA-256 of the loaded BPF object') }),
});
export type NodeInfo = z.infer<typeof nodeInfoSchema>;

/**
 * A sample of the node's CPU and memory use, sent over the stream once a second. CPU shares cover the last interval.
 */
export const nodeSampleSchema = z.object({
  time: z.number().describe('Milliseconds since the epoch'),
  sequence: z.number().int(),
  readMs: z.number().describe('Milliseconds that reading all counters took'),
  cpus: z.array(
    z.object({
      busy: z.number().describe('Share of the interval, 0 to 1'),
      softirq: z.number().describe('Share of the interval, 0 to 1'),
    }),
  ),
  agent: z.object({
    cpu: z.number().describe('Share of one core, 0 to 1'),
    residentBytes: z.number(),
  }),
  programs: z.array(z.object({ id: z.number().int(), runCount: z.number(), runTimeNs: z.number() })),
});
export type NodeSample = z.infer<typeof nodeSampleSchema>;
