import { z } from 'zod';
import { defaultDumpBytes } from './limits.ts';

export const dumpPartNames = [
  'kernel',
  'network',
  'pods',
  'programs',
  'maps',
  'statistics',
  'agent',
  'log',
] as const;
export const dumpPartName = z
  .enum(dumpPartNames)
  .describe(
    'kernel: version, configuration, probes, sysctls; network: the host’s links, addresses, routes, neighbours, rules, qdiscs, filters; pods: the same of each pod; statistics: of devices, protocols, softirqs, drops; agent: what its API answers',
  );
export type DumpPartName = z.infer<typeof dumpPartName>;

export const newDump = z.strictObject({
  maxBytes: z
    .int()
    .min(1 << 20)
    .max(1 << 30)
    .default(defaultDumpBytes)
    .describe('of all files unpacked; what does not fit is left out and noted'),
  pods: z
    .array(z.string().min(1).max(320))
    .max(64)
    .optional()
    .describe('ids or namespace.name of the pods to look into; by default the first 64'),
  parts: z.array(dumpPartName).min(1).optional().describe('what to take; by default all of it'),
});
export type NewDump = z.infer<typeof newDump>;
/** `newDump` before its defaults. */
export type NewDumpInput = z.input<typeof newDump>;

/** A file that could not be had, or not in full. */
export const dumpProblem = z.object({
  path: z.string().describe('below the archive’s folder'),
  problem: z.string(),
});
export type DumpProblem = z.infer<typeof dumpProblem>;

/** Progress of one part. */
export const dumpPart = z.object({
  name: dumpPartName,
  title: z.string(),
  state: z.enum(['waiting', 'running', 'done']),
  files: z.int().describe('that are in the archive'),
  bytes: z.int().describe('of them, unpacked'),
  problems: z.array(dumpProblem).describe('what is missing; the rest is there'),
});
export type DumpPart = z.infer<typeof dumpPart>;

/** An archive of what the kernel and the agent know. While it runs, a DELETE cancels it and leaves no file. */
export const dump = z.object({
  id: z.string(),
  name: z.string().describe('of the archive’s folder; its file is `<name>.tar.gz`'),
  actor: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  reason: z.string().nullable().describe('of a failed one: why there is no archive'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  maxBytes: z.int(),
  parts: z.array(dumpPart).describe('in the order in which they are taken'),
  files: z.int(),
  unpackedBytes: z.int(),
  archiveBytes: z.int().nullable().describe('of the .tar.gz; null until it is done'),
  sha256: z.string().nullable().describe('of the .tar.gz; null until it is done'),
});
export type Dump = z.infer<typeof dump>;

/** One line of the archive’s `manifest.json`. */
export const dumpFile = z.object({
  path: z.string().describe('below the archive’s folder'),
  part: dumpPartName,
  title: z.string(),
  command: z.string().describe('whose output the file equals'),
  pod: z.string().nullable().describe('namespace.name, when the command ran in a pod’s network namespace'),
  takenAt: z.iso.datetime(),
  ms: z.number().describe('how long it took'),
  bytes: z.int().nullable().describe('null: the file is not there'),
  sha256: z.string().nullable(),
  problem: z.string().nullable().describe('why the file is missing or not whole'),
});
export type DumpFile = z.infer<typeof dumpFile>;

/** `manifest.json` of an archive. */
export const dumpManifest = z.object({
  format: z.literal(1),
  name: z.string(),
  takenAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  host: z.object({ name: z.string(), kernel: z.string(), machine: z.string(), bootId: z.string() }),
  podlane: z.string().describe('version'),
  agent: z.boolean().describe('false: taken by the command alone, no agent answered'),
  tools: z.array(
    z.object({ name: z.string(), version: z.string().nullable().describe('null: not installed') }),
  ),
  maxBytes: z.int(),
  leftOut: z.array(z.string()).describe('what an archive never holds, in sentences'),
  files: z.array(dumpFile),
});
export type DumpManifest = z.infer<typeof dumpManifest>;
