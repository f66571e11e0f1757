import { z } from 'zod';

export const eventType = z.enum([
  'agent.started',
  'pod.attached',
  'pod.detached',
  'pod.gone',
  'migration.done',
  'migration.undone',
  'migration.failed',
  'migration.recovered',
  'batch.started',
  'batch.paused',
  'batch.resumed',
  'batch.interrupted',
  'batch.stopped',
  'batch.done',
  'build.added',
  'build.removed',
  'build.activated',
  'build.undone',
  'build.newer',
  'program.attached',
  'program.detached',
  'hooks.moved',
  'guard.repaired',
  'guard.fallback',
  'guard.left-alone',
  'guard.resumed',
  'guard.changed',
  'map.edited',
  'drift',
  'rules.applied',
  'rules.removed',
  'rules.drafted',
  'rules.failed',
]);

export const event = z.object({
  id: z.number().int(),
  time: z.iso.datetime(),
  type: eventType,
  severity: z.enum(['info', 'warning', 'error']),
  podId: z.string().nullable(),
  migrationId: z.string().nullable(),
  message: z.string(),
});
export type Event = z.infer<typeof event>;
export type EventType = z.infer<typeof eventType>;
