import { z } from 'zod';
import { deviceKindSchema } from './device.ts';
import {
  acceptSchema,
  migrationCheckSchema,
  migrationItemSchema,
  migrationPlanSchema,
  migrationSchema,
  stepRequestSchema,
} from './migration.ts';
import { podNameSchema, podNamespaceSchema } from './pod-name.ts';

/** How an adopted pod is connected to its node. */
export const adoptionFormSchema = z
  .enum(['routed', 'bridged'])
  .describe(
    'routed: the node has a route to the pod’s addresses by its device; bridged: its device is a port of a bridge that has the gateway’s address',
  );
export type AdoptionForm = z.infer<typeof adoptionFormSchema>;

/** One end of a device that others made, as it was when its pod was adopted. */
export const foreignEndSchema = z.object({
  name: z.string(),
  ifindex: z.number().int(),
  mac: z.string(),
});

const queueCountsSchema = z.object({ transmit: z.number().int(), receive: z.number().int() });

/** What a pod was before it was adopted: its release gives this back. */
export const adoptionSchema = z.object({
  form: adoptionFormSchema,
  runtime: z.string().nullable().describe('containerd, docker, podman, …; null where nothing tells'),
  runtimeId: z.string().nullable().describe('Id by which the runtime knows it'),
  bridge: z.string().nullable().describe('Bridge that its device is a port of'),
  device: z
    .object({
      primary: foreignEndSchema,
      peer: foreignEndSchema,
      clsact: z.boolean().describe('True if it had a clsact or ingress qdisc'),
      queues: z.object({ primary: queueCountsSchema, peer: queueCountsSchema }),
    })
    .describe('Device that others made: a veth pair'),
  adoptedAt: z.iso.datetime(),
  actor: z.string(),
});
export type Adoption = z.infer<typeof adoptionSchema>;

/** Adoption of a pod as in lists. */
export const adoptionSummarySchema = adoptionSchema.pick({ form: true, runtime: true });

/** Request to adopt an observed pod. */
export const newAdoptionSchema = z.strictObject({
  accept: acceptSchema,
  dryRun: z.boolean().default(false),
  namespace: podNamespaceSchema
    .optional()
    .describe('Default: the namespace of Kubernetes, else the name of the runtime'),
  name: podNameSchema.optional().describe('Default: the name that the runtime gave it, made to fit'),
  labels: z
    .record(z.string().max(317), z.string().max(63))
    .optional()
    .describe('Default: those that the runtime gave it and that are labels of Kubernetes'),
});
export type NewAdoption = z.infer<typeof newAdoptionSchema>;

/** A step of an adoption. Nothing of the pod's network is changed by any of them. */
export const adoptionStepSchema = z.object({
  step: z.enum(['recorded', 'attached', 'taken over']),
  description: z.string(),
  requests: z.array(stepRequestSchema.shape.words).describe('Requests by the kernel’s name'),
});

/** Result of a dry run of an adoption, which changes nothing. */
export const adoptionPlanSchema = z.object({
  observedPodId: z.string(),
  namespace: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  form: adoptionFormSchema.nullable().describe('Null if the pod cannot be adopted for how it is connected'),
  runtime: z.string().nullable(),
  addresses: z.array(z.string()),
  device: z
    .object({
      kind: deviceKindSchema,
      primary: foreignEndSchema,
      peer: foreignEndSchema,
      bridge: z.string().nullable(),
    })
    .nullable(),
  allowed: z.boolean(),
  checks: z.array(migrationCheckSchema),
  items: z.array(migrationItemSchema).describe('What has to be accepted'),
  steps: z.array(adoptionStepSchema),
});
export type AdoptionPlan = z.infer<typeof adoptionPlanSchema>;

/** Request to release an adopted pod. */
export const newReleaseSchema = z.strictObject({ accept: acceptSchema, dryRun: z.boolean().default(false) });

/** Result of a dry run of a release, which changes nothing. */
export const releasePlanSchema = z.object({
  podId: z.string(),
  adoption: adoptionSchema,
  migration: migrationPlanSchema
    .nullable()
    .describe('Return to a device as others made it; null while the pod has that'),
});
export type ReleasePlan = z.infer<typeof releasePlanSchema>;

/** A release that was started, or is done. */
export const releaseSchema = z.object({
  migration: migrationSchema
    .nullable()
    .describe('The migration that returns it to a device as others made it; null if it is released'),
});
export type Release = z.infer<typeof releaseSchema>;
