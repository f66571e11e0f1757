import { z } from 'zod';
import { hook } from './device.ts';
import { maxObjectBytes, maxUserPrograms } from './limits.ts';

/** SHA-256 of an object file in lower-case hex, which names a build. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');

const base64 = (bytes: number) => z.base64().max(Math.ceil(bytes / 3) * 4);

/** A key whose builds this node trusts. */
export const signer = z.object({
  name: z.string().describe('file name of the key without .pem'),
  fingerprint: sha256.describe('SHA-256 of the public key (SubjectPublicKeyInfo, DER)'),
});
export type Signer = z.infer<typeof signer>;

/** A build of the datapath's BPF programs. */
export const build = z.object({
  sha256,
  bytes: z.number().int(),
  installed: z.boolean().describe('true for the build bundled with the agent, which is always trusted'),
  signer: z.string().nullable().describe('name of the key that signed it; null for the bundled build'),
  trusted: z.boolean().describe('false if its key is no longer trusted: it cannot be activated'),
  addedAt: z.iso.datetime().nullable().describe('null for the bundled build'),
  addedBy: z.string().nullable(),
  active: z.boolean().describe('true for the running build'),
  previous: z.boolean().describe('true for the build that a rollback activates'),
});
export type Build = z.infer<typeof build>;

/** Progress or result of an activation. */
export const activation = z.object({
  build: sha256,
  from: sha256,
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
export type Activation = z.infer<typeof activation>;

export const builds = z.object({
  items: z.array(build).describe('the bundled build first, then newest first'),
  newer: z
    .boolean()
    .describe(
      'true if the agent was upgraded, but an earlier chosen build is running instead of the bundled one',
    ),
  activation: activation.nullable().describe('the last activation since the agent started'),
});
export type Builds = z.infer<typeof builds>;

export const newBuild = z.strictObject({
  object: base64(maxObjectBytes).describe('The compiled BPF object'),
  signature: base64(64).describe('Ed25519 signature of the 32 bytes of the object’s SHA-256'),
});
export type NewBuild = z.infer<typeof newBuild>;

/** Order of a user program relative to Podlane's on the hook. Redirected packets do not reach a program after Podlane's. */
export const place = z.enum(['before', 'after']);
export type Place = z.infer<typeof place>;

export const newUserProgram = z.strictObject({
  object: base64(maxObjectBytes).describe('an ELF object with programs in SEC("tc"), "tcx/…" or "netkit/…"'),
  section: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('section or name of the program; optional if the object has one program'),
  hook: hook.describe('one of the two hooks of Podlane’s programs on the pod’s device'),
  place,
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,62}$/, '1 to 63 letters, digits, spaces, . _ -')
    .optional()
    .describe('display name; by default the name of the program'),
});
export type NewUserProgram = z.infer<typeof newUserProgram>;

/** A user's program on a pod. It follows the pod through migrations, and keeps running without the agent. */
export const userProgram = z.object({
  number: z.number().int().min(1).max(maxUserPrograms).describe('number among the user programs of the pod'),
  podId: z.string(),
  name: z.string(),
  hook,
  place,
  section: z.string(),
  object: z.object({ sha256, bytes: z.number().int() }),
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
export type UserProgram = z.infer<typeof userProgram>;
