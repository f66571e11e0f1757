import { z } from 'zod';
import { defaultDebugDumpSize } from './limits.ts';

export const debugDumpPartNames = [
  'kernel',
  'network',
  'pods',
  'programs',
  'maps',
  'statistics',
  'agent',
  'log',
] as const;
export const debugDumpPartNameSchema = z
  .enum(debugDumpPartNames)
  .describe(
    'kernel: version, configuration, probes, sysctls; network: links, addresses, routes, neighbors, rules, qdiscs and filters of the host; pods: the same for each pod; statistics: devices, protocols, softirqs, drops; agent: responses of its API',
  );
export type DebugDumpPartName = z.infer<typeof debugDumpPartNameSchema>;

export const newDebugDumpSchema = z.strictObject({
  maxBytes: z
    .int()
    .min(1 << 20)
    .max(1 << 30)
    .default(defaultDebugDumpSize)
    .describe('limit of the uncompressed size; files that do not fit are omitted and reported'),
  pods: z
    .array(z.string().min(1).max(320))
    .max(64)
    .optional()
    .describe('ids or namespace.name of pods to include; by default the newest 64'),
  parts: z.array(debugDumpPartNameSchema).min(1).optional().describe('parts to include; by default all'),
});
export type NewDebugDump = z.infer<typeof newDebugDumpSchema>;
/** A dump request as the client sends it, before defaults are filled in. */
export type NewDebugDumpInput = z.input<typeof newDebugDumpSchema>;

/** A file of a dump that is missing or incomplete. */
export const debugDumpProblemSchema = z.object({
  path: z.string().describe('path below the archive’s folder'),
  problem: z.string(),
});

/** Progress of one part of a dump. */
export const debugDumpPartSchema = z.object({
  name: debugDumpPartNameSchema,
  title: z.string(),
  state: z.enum(['waiting', 'running', 'done']),
  files: z.int().describe('number of files in the archive'),
  bytes: z.int().describe('their uncompressed size'),
  problems: z.array(debugDumpProblemSchema).describe('missing and incomplete files'),
});
export type DebugDumpPart = z.infer<typeof debugDumpPartSchema>;

/** A debug dump, an archive of the state of the kernel and the agent. Deleting a running dump cancels it. */
export const debugDumpSchema = z.object({
  id: z.string(),
  name: z.string().describe('name of the archive’s folder; the file is `<name>.tar.gz`'),
  actor: z.string(),
  state: z.enum(['running', 'done', 'failed']),
  reason: z.string().nullable().describe('why the dump failed'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  maxBytes: z.int(),
  parts: z.array(debugDumpPartSchema).describe('in the order of collection'),
  files: z.int(),
  unpackedBytes: z.int(),
  archiveBytes: z.int().nullable().describe('of the .tar.gz; null until done'),
  sha256: z.string().nullable().describe('of the .tar.gz; null until done'),
});
export type DebugDump = z.infer<typeof debugDumpSchema>;

/** A file of the dump, as listed in the archive's `manifest.json`. */
export const debugDumpFileSchema = z.object({
  path: z.string().describe('path below the archive’s folder'),
  part: debugDumpPartNameSchema,
  title: z.string(),
  command: z.string().describe('command whose output the file holds'),
  pod: z.string().nullable().describe('namespace.name, if the command ran in a pod’s network namespace'),
  takenAt: z.iso.datetime(),
  ms: z.number().describe('duration'),
  bytes: z.int().nullable().describe('null if the file is missing'),
  sha256: z.string().nullable(),
  problem: z.string().nullable().describe('why the file is missing or incomplete'),
});
export type DebugDumpFile = z.infer<typeof debugDumpFileSchema>;

/** Content of the `manifest.json` of a dump archive. */
export const debugDumpManifestSchema = z.object({
  format: z.literal(1),
  name: z.string(),
  takenAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  host: z.object({ name: z.string(), kernel: z.string(), machine: z.string(), bootId: z.string() }),
  podlane: z.string().describe('Version of Podlane'),
  agent: z.boolean().describe('false if taken by the command without an agent'),
  tools: z.array(
    z.object({ name: z.string(), version: z.string().nullable().describe('null if not installed') }),
  ),
  maxBytes: z.int(),
  leftOut: z.array(z.string()).describe('data that archives never contain'),
  files: z.array(debugDumpFileSchema),
});
export type DebugDumpManifest = z.infer<typeof debugDumpManifestSchema>;
