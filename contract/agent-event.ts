import { z } from 'zod';

/** Types of the events that the agent publishes. */
export const agentEventTypeSchema = z.enum([
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
  'checks.changed',
  'guard.repaired',
  'guard.fallback',
  'guard.left-alone',
  'guard.resumed',
  'guard.changed',
  'map.edited',
  'drift',
  'rules.applied',
  'rules.removed',
  'rules.staged',
  'rules.failed',
  'rules.restored',
  'state.adopted',
  'state.reset',
]);

/** An event of the node or of one of its pods. */
export const agentEventSchema = z.object({
  id: z.number().int(),
  time: z.iso.datetime(),
  type: agentEventTypeSchema,
  severity: z.enum(['info', 'warning', 'error']),
  podId: z.string().nullable().describe('Null for an event of the node'),
  migrationId: z.string().nullable(),
  message: z.string().describe('The event in one sentence'),
});
export type AgentEvent = z.infer<typeof agentEventSchema>;
export type AgentEventType = z.infer<typeof agentEventTypeSchema>;
