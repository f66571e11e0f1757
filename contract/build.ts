import { z } from 'zod';
import { hookSchema } from './device.ts';
import { maxObjectFileSize, maxUserPrograms } from './limits.ts';

/** SHA-256 of an object file in lower-case hex, which identifies a build. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');

const base64 = (bytes: number) => z.base64().max(Math.ceil(bytes / 3) * 4);

/** A public key whose signatures on builds this node trusts. */
export const buildSignerSchema = z.object({
  name: z.string().describe('file name of the key without .pem'),
  fingerprint: sha256Schema.describe('SHA-256 of the public key (SubjectPublicKeyInfo, DER)'),
});
export type BuildSigner = z.infer<typeof buildSignerSchema>;

/** A build of the datapath's BPF programs. */
export const buildSchema = z.object({
  sha256: sha256Schema,
  bytes: z.number().int(),
  installed: z.boolean().describe('true for the build bundled with the agent, which is always trusted'),
  signer: z.string().nullable().describe('name of the key that signed it; null for the bundled build'),
  trusted: z.boolean().describe('false if its key is no longer trusted: it cannot be activated'),
  addedAt: z.iso.datetime().nullable().describe('null for the bundled build'),
  addedBy: z.string().nullable(),
  active: z.boolean().describe('true for the running build'),
  previous: z.boolean().describe('true for the build that a rollback activates'),
});
export type Build = z.infer<typeof buildSchema>;

/** Progress or result of the activation of a build. */
export const buildActivationSchema = z.object({
  build: sha256Schema,
  from: sha256Schema,
  actor: z.string(),
  state: z
    .enum(['running', 'done', 'undone'])
    .describe('undone: it failed, and the previous build is running again'),
  attachments: z.object({
    total: z.number().int().describe('links and filters that run Podlane’s programs'),
    replaced: z.number().int(),
  }),
  startedAt: z.iso.datetime(),
  milliseconds: z
    .number()
    .nullable()
    .describe('time from the first replacement to the last; null while running'),
  error: z.string().nullable(),
});
export type BuildActivation = z.infer<typeof buildActivationSchema>;

export const datapathBuildListSchema = z.object({
  items: z.array(buildSchema).describe('the bundled build first, then newest first'),
  newer: z
    .boolean()
    .describe(
      'true if the agent was upgraded, but an earlier chosen build is running instead of the bundled one',
    ),
  activation: buildActivationSchema.nullable().describe('the last activation since the agent started'),
});
export type DatapathBuildList = z.infer<typeof datapathBuildListSchema>;

export const newBuildSchema = z.strictObject({
  object: base64(maxObjectFileSize).describe('The compiled BPF object'),
  signature: base64(64).describe('Ed25519 signature of the 32 bytes of the object’s SHA-256'),
});
export type NewBuild = z.infer<typeof newBuildSchema>;

/**
 * Position of a user program before or after Podlane's program on the hook. Redirected packets do not reach a program
 * after it.
 */
export const userProgramOrderSchema = z.enum(['before', 'after']);
export type UserProgramOrder = z.infer<typeof userProgramOrderSchema>;

export const newUserProgramSchema = z.strictObject({
  object: base64(maxObjectFileSize).describe(
    'an ELF object with programs in SEC("tc"), "tcx/…" or "netkit/…"',
  ),
  section: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('section or name of the program; optional if the object has one program'),
  hook: hookSchema.describe('one of the two hooks of Podlane’s programs on the pod’s device'),
  place: userProgramOrderSchema,
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,62}$/, '1 to 63 letters, digits, spaces, . _ -')
    .optional()
    .describe('display name; by default the name of the program'),
});
export type NewUserProgram = z.infer<typeof newUserProgramSchema>;

/** A user's BPF program on a pod. It stays attached through migrations, and keeps running without the agent. */
export const userProgramSchema = z.object({
  number: z.number().int().min(1).max(maxUserPrograms).describe('number among the user programs of the pod'),
  podId: z.string(),
  name: z.string(),
  hook: hookSchema,
  place: userProgramOrderSchema,
  section: z.string(),
  object: z.object({ sha256: sha256Schema, bytes: z.number().int() }),
  program: z.object({
    id: z.number().int(),
    name: z.string(),
    tag: z.string(),
    verifiedInstructions: z.number().int().nullable(),
  }),
  maps: z.array(z.object({ id: z.number().int(), name: z.string() })).describe('maps of this program alone'),
  attached: z.boolean().describe('false if another process detached it'),
  position: z.number().int().nullable().describe('Order of execution on the hook, from 0'),
  actor: z.string().describe('user who attached it'),
  attachedAt: z.iso.datetime(),
});
export type UserProgram = z.infer<typeof userProgramSchema>;
