import { z } from 'zod';

export const capabilityName = z.enum([
  'netkit',
  'tcx',
  'clsact',
  'btf',
  'drop-reasons',
  'bpf-stats',
  'live-rename',
]);
export type CapabilityName = z.infer<typeof capabilityName>;

/** Found by trying. `detail` says how it was tried and, for a no, what the kernel answered. */
export const capability = z.object({
  name: capabilityName,
  available: z.boolean(),
  detail: z.string(),
  hint: z.string().nullable().describe('for a no: what would make it a yes'),
});
export type Capability = z.infer<typeof capability>;

export const node = z.object({
  name: z.string(),
  bootId: z.string(),
  kernel: z.object({ release: z.string(), version: z.string(), machine: z.string() }),
  environment: z.enum(['native', 'guest']).describe('guest: in the virtual machine of the lab'),
  lab: z.boolean(),
  cpus: z.number().int(),
  capabilities: z.array(capability),
  slots: z.object({ used: z.number().int(), max: z.number().int() }),
  versions: z.object({ podlane: z.string(), node: z.string(), libbpf: z.string(), api: z.string() }),
  agent: z.object({ pid: z.number().int(), startedAt: z.iso.datetime() }),
  datapath: z.object({ pins: z.string(), build: z.string().describe('SHA-256 of the objects') }),
});
export type Node = z.infer<typeof node>;

/** 1 Hz, over the stream. Counters only grow; shares are over the last interval. */
export const nodeSample = z.object({
  time: z.number().describe('ms since the epoch'),
  sequence: z.number().int(),
  readMs: z.number().describe('time the counter sweep took'),
  cpus: z.array(
    z.object({
      busy: z.number().describe('share of the interval, 0 to 1'),
      softirq: z.number().describe('share of the interval, 0 to 1'),
    }),
  ),
  agent: z.object({
    cpu: z.number().describe('share of one core, 0 to 1'),
    residentBytes: z.number(),
  }),
  programs: z.array(z.object({ id: z.number().int(), runCount: z.number(), runTimeNs: z.number() })),
});
export type NodeSample = z.infer<typeof nodeSample>;
