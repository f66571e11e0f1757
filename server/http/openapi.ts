import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  type FastifyPluginAsyncZod,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import { agentEventSchema } from '../../contract/agent-event.ts';
import { batchPlanSchema, batchPodSchema, batchSchema, batchSummarySchema } from '../../contract/batch.ts';
import { buildActivationSchema, buildSchema, userProgramSchema } from '../../contract/build.ts';
import { debugDumpPartSchema, debugDumpSchema } from '../../contract/debug-dump.ts';
import { attachedProgramSchema, deviceEndSchema, deviceSchema } from '../../contract/device.ts';
import { guardThresholdsSchema } from '../../contract/guard.ts';
import { migrationPlanSchema, migrationSchema } from '../../contract/migration.ts';
import { nodeInfoSchema } from '../../contract/node.ts';
import { observedPathHopSchema, observedPodPathSchema } from '../../contract/observed-path.ts';
import {
  observedInterfaceSchema,
  observedPodSchema,
  observedPodSummarySchema,
  runtimeSchema,
} from '../../contract/observed-pod.ts';
import { podSchema, podSummarySchema } from '../../contract/pod.ts';
import { pathHopSchema, podPathSchema } from '../../contract/pod-path.ts';
import {
  nodePreflightSchema,
  podPreflightSchema,
  preflightCheckSchema,
  preflightFindingSchema,
  preflightPodSchema,
  preflightSchema,
} from '../../contract/preflight.ts';
import { problemSchema } from '../../contract/problem.ts';
import { ruleSchema, ruleSetSchema } from '../../contract/rule-set.ts';
import { activeRulesSchema, ruleEntrySchema, stagedRulesSchema } from '../../contract/rules.ts';
import { tracePacketSchema, traceSchema, traceSummarySchema } from '../../contract/trace.ts';
import { verdictSchema } from '../../contract/verdict.ts';

const components = {
  Activation: buildActivationSchema,
  Build: buildSchema,
  UserProgram: userProgramSchema,
  ActiveRules: activeRulesSchema,
  StagedRules: stagedRulesSchema,
  Rule: ruleSchema,
  RuleEntry: ruleEntrySchema,
  RuleSet: ruleSetSchema,
  Batch: batchSchema,
  BatchPlan: batchPlanSchema,
  BatchPod: batchPodSchema,
  BatchSummary: batchSummarySchema,
  AttachedProgram: attachedProgramSchema,
  Device: deviceSchema,
  DeviceEnd: deviceEndSchema,
  Event: agentEventSchema,
  Dump: debugDumpSchema,
  DumpPart: debugDumpPartSchema,
  GuardThresholds: guardThresholdsSchema,
  Migration: migrationSchema,
  MigrationPlan: migrationPlanSchema,
  Node: nodeInfoSchema,
  ObservedInterface: observedInterfaceSchema,
  ObservedPathHop: observedPathHopSchema,
  ObservedPod: observedPodSchema,
  ObservedPodPath: observedPodPathSchema,
  ObservedPodSummary: observedPodSummarySchema,
  PathHop: pathHopSchema,
  Trace: traceSchema,
  TracePacket: tracePacketSchema,
  TraceSummary: traceSummarySchema,
  Verdict: verdictSchema,
  Pod: podSchema,
  PodPath: podPathSchema,
  PodSummary: podSummarySchema,
  NodePreflight: nodePreflightSchema,
  PodPreflight: podPreflightSchema,
  Preflight: preflightSchema,
  PreflightCheck: preflightCheckSchema,
  PreflightFinding: preflightFindingSchema,
  PreflightPod: preflightPodSchema,
  Runtime: runtimeSchema,
  Problem: problemSchema,
};

/**
 * Registers a plugin that builds an OpenAPI 3.1 document from the routes' schemas. Must be called before routes are
 * registered.
 */
export async function registerOpenapi(app: FastifyInstance, version: string): Promise<void> {
  const schemaRegistry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(components)) schemaRegistry.add(schema, { id });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Podlane agent',
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        description:
          'Pods of one node, their network devices, access rules and eBPF programs. Live samples, events and progress are sent over the WebSocket `/api/v1/stream`. Errors are RFC 9457 problem details with a stable `code`.',
      },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Required over TCP only' } },
      },
      security: [{}, { token: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry, zodToJsonConfig }),
    transformObject: (document) => {
      const api = createJsonSchemaTransformObject({ schemaRegistry, zodToJsonConfig })(document);
      return tidyDocument(api as ApiDocument) as typeof api;
    },
  });
}

/** Removes the default bounds that zod sets on integers (the safe integers of a double) from JSON schemas. */
const zodToJsonConfig: NonNullable<Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig']> = {
  override: ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  },
};

interface ApiDocument {
  components: { schemas: Record<string, unknown> };
  paths: Record<string, Record<string, { responses?: Record<string, { description: string }> }>>;
}

/** Removes the unused input variants of components from the document, and describes responses by their HTTP status. */
function tidyDocument(api: ApiDocument): ApiDocument {
  for (const id of Object.keys(components)) delete api.components.schemas[`${id}Input`];
  const answers = Object.values(api.paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ responses }) => Object.entries(responses ?? {}));
  for (const [status, answer] of answers)
    if (answer.description === 'Default Response') answer.description = STATUS_CODES[status] ?? status;
  return api;
}

/** Error response that the OpenAPI schema of every HTTP route contains. */
export const problemResponses = {
  default: {
    description: 'The request was rejected or failed',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
};

export const openapiRoute: FastifyPluginAsyncZod = async (app) => {
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
};
