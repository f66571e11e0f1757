import { z } from 'zod';
import { hook } from './device.ts';
import { maxObjectBytes, maxUserPrograms } from './limits.ts';

/** SHA-256 of an object file, lower-case hex: what a build is named by. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'not a SHA-256 in lower-case hex');

const base64 = (bytes: number) => z.base64().max(Math.ceil(bytes / 3) * 4);

/** A key whose builds this node takes. */
export const signer = z.object({
  name: z.string().describe('the key’s file, without .pem'),
  fingerprint: sha256.describe('of the public key (SubjectPublicKeyInfo, DER)'),
});
export type Signer = z.infer<typeof signer>;

/** A datapath that this node may run. */
export const build = z.object({
  sha256,
  bytes: z.number().int(),
  installed: z.boolean().describe('came with the agent, and is trusted by that'),
  signer: z.string().nullable().describe('name of the key that signed it; null for the installed one'),
  trusted: z
    .boolean()
    .describe('false when its key was taken out of the trusted ones: it cannot be activated'),
  addedAt: z.iso.datetime().nullable().describe('null for the installed one'),
  addedBy: z.string().nullable(),
  active: z.boolean().describe('what attached programs run'),
  previous: z.boolean().describe('what a rollback goes to'),
});
export type Build = z.infer<typeof build>;

/** How a datapath was put in the place of another. */
export const activation = z.object({
  build: sha256,
  from: sha256,
  actor: z.string(),
  state: z.enum(['running', 'done', 'undone']).describe('undone: it failed, and the build before runs again'),
  attachments: z.object({
    total: z.number().int().describe('links and filters that run our programs'),
    replaced: z.number().int(),
  }),
  startedAt: z.iso.datetime(),
  milliseconds: z.number().nullable().describe('from the first replacement to the last; null while it runs'),
  error: z.string().nullable(),
});
export type Activation = z.infer<typeof activation>;

export const builds = z.object({
  items: z.array(build).describe('the installed one first, then the newest first'),
  newer: z
    .boolean()
    .describe(
      'the agent was upgraded: the build that came with it is not the one that was chosen, and runs not',
    ),
  activation: activation.nullable().describe('the last one since the agent started'),
});
export type Builds = z.infer<typeof builds>;

export const newBuild = z.strictObject({
  object: base64(maxObjectBytes).describe('the compiled BPF object'),
  signature: base64(64).describe('ed25519, over the 32 bytes of the object’s SHA-256'),
});
export type NewBuild = z.infer<typeof newBuild>;

/** Order of a user program relative to Podlane's on the hook. Redirected packets do not reach a program after Podlane's. */
export const place = z.enum(['before', 'after']);
export type Place = z.infer<typeof place>;

export const newUserProgram = z.strictObject({
  object: base64(maxObjectBytes).describe('an ELF object with programs of SEC("tc"), "tcx/…" or "netkit/…"'),
  section: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('the section, or the program’s name; may be left out where the object has one program'),
  hook: hook.describe('one of the two that our programs of the pod’s device are on'),
  place,
  name: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,62}$/, '1 to 63 letters, digits, spaces, . _ -')
    .optional()
    .describe('for people; by default the program’s'),
});
export type NewUserProgram = z.infer<typeof newUserProgram>;

/** A user's program on a pod. It goes with the pod, through migrations, and stays when the agent ends. */
export const userProgram = z.object({
  number: z.number().int().min(1).max(maxUserPrograms).describe('among those of the pod'),
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
  maps: z.array(z.object({ id: z.number().int(), name: z.string() })).describe('its own, shared with nobody'),
  attached: z.boolean().describe('false: somebody took it off its hook'),
  position: z.number().int().nullable().describe('order of execution on the hook, from 0'),
  actor: z.string().describe('who attached it'),
  attachedAt: z.iso.datetime(),
});
export type UserProgram = z.infer<typeof userProgram>;
