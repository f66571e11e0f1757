import { z } from 'zod';
import { agentEventSchema } from './agent-event.ts';
import { batchPodSchema, batchSummarySchema } from './batch.ts';
import { debugDumpSchema } from './debug-dump.ts';
import { migrationSchema } from './migration.ts';
import { nodeSampleSchema } from './node.ts';
import { observedPodSummarySchema } from './observed-pod.ts';
import { podSummarySchema } from './pod.ts';
import { problemSchema } from './problem.ts';
import { tracePacketSchema, traceSummarySchema } from './trace.ts';
import { verdictFilterSchema, verdictLossesSchema, verdictSchema } from './verdict.ts';

/**
 * Messages of a client to `/api/v1/stream`. Each is answered by `ack` or `error` with its `id`. The topic `samples`
 * sends binary frames of all pods once a second, `observed-samples` those of observed pods, `pod` frames of one pod at `hz`, `verdicts` those that match the
 * filter, `trace` one trace with its packets as they are observed.
 */
export const clientMessageSchema = z.discriminatedUnion('topic', [
  z.strictObject({
    id: z.number().int(),
    type: z.enum(['subscribe', 'unsubscribe']),
    topic: z.enum([
      'samples',
      'node',
      'pods',
      'migrations',
      'batches',
      'dumps',
      'events',
      'observed-pods',
      'observed-samples',
    ]),
  }),
  z.strictObject({
    id: z.number().int(),
    type: z.enum(['subscribe', 'unsubscribe']),
    topic: z.literal('pod'),
    pod: z.string(),
    hz: z.number().int().min(1).max(10).default(10),
  }),
  z.strictObject({
    id: z.number().int(),
    type: z.enum(['subscribe', 'unsubscribe']),
    topic: z.literal('verdicts'),
    filter: verdictFilterSchema
      .default({})
      .describe('A client has one filter; a new subscription replaces it'),
  }),
  z.strictObject({
    id: z.number().int(),
    type: z.enum(['subscribe', 'unsubscribe']),
    topic: z.literal('trace'),
    trace: z.string().max(64),
  }),
]);
export type ClientMessage = z.input<typeof clientMessageSchema>;

/** JSON messages that the agent sends on the stream. Samples are binary frames (`sample-frame.ts`). */
export const serverMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    api: z.string(),
    columns: z.array(z.string()),
    startedAt: z.iso.datetime(),
    bootId: z.string(),
  }),
  z.object({ type: z.literal('ack'), id: z.number().int() }),
  z.object({ type: z.literal('error'), id: z.number().int().nullable(), problem: problemSchema }),
  z.object({ type: z.literal('node'), sample: nodeSampleSchema }),
  z.object({ type: z.literal('pod'), pod: podSummarySchema }),
  z.object({ type: z.literal('pod-removed'), id: z.string() }),
  z.object({ type: z.literal('observed-pod'), pod: observedPodSummarySchema }),
  z.object({ type: z.literal('observed-pod-removed'), id: z.string() }),
  z.object({ type: z.literal('migration'), migration: migrationSchema }),
  z.object({ type: z.literal('batch'), batch: batchSummarySchema }),
  z.object({ type: z.literal('batch-pod'), batchId: z.string(), pod: batchPodSchema }),
  z.object({ type: z.literal('dump'), dump: debugDumpSchema }),
  z.object({ type: z.literal('dump-removed'), id: z.string() }),
  z.object({ type: z.literal('event'), event: agentEventSchema }),
  z.object({
    type: z.literal('verdicts'),
    items: z
      .array(verdictSchema)
      .describe('New verdicts in order of time; none from before the subscription'),
    missed: z.number().int().describe('Verdicts that did not fit in this message; the log has them'),
    losses: verdictLossesSchema,
  }),
  z.object({
    type: z.literal('trace'),
    trace: traceSummarySchema,
    items: z
      .array(tracePacketSchema)
      .describe('Packets that are new or changed since the last message; the first message has all'),
  }),
  z.object({
    type: z.literal('skipped'),
    count: z.number().int().describe('Samples that were skipped because the client was too slow'),
  }),
]);
export type ServerMessage = z.infer<typeof serverMessageSchema>;
