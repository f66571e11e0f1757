import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  type FastifyPluginAsyncZod,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import { rule, ruleSet } from '../../contract/acl.ts';
import { batch, batchPlan, batchPod, batchSummary } from '../../contract/batch.ts';
import { activation, build, userProgram } from '../../contract/build.ts';
import { attachedProgram, device, deviceEnd } from '../../contract/device.ts';
import { dump, dumpPart } from '../../contract/dump.ts';
import { event } from '../../contract/event.ts';
import { guardThresholds } from '../../contract/guard.ts';
import { migration, migrationPlan } from '../../contract/migration.ts';
import { node } from '../../contract/node.ts';
import { pathHop, podPath } from '../../contract/path.ts';
import { pod, podSummary } from '../../contract/pod.ts';
import { problem } from '../../contract/problem.ts';
import { activeRules, ruleEntry, stagedRules } from '../../contract/rules.ts';
import { trace, tracePacket, traceSummary } from '../../contract/trace.ts';
import { verdict } from '../../contract/verdict.ts';

const components = {
  Activation: activation,
  Build: build,
  UserProgram: userProgram,
  ActiveRules: activeRules,
  StagedRules: stagedRules,
  Rule: rule,
  RuleEntry: ruleEntry,
  RuleSet: ruleSet,
  Batch: batch,
  BatchPlan: batchPlan,
  BatchPod: batchPod,
  BatchSummary: batchSummary,
  AttachedProgram: attachedProgram,
  Device: device,
  DeviceEnd: deviceEnd,
  Event: event,
  Dump: dump,
  DumpPart: dumpPart,
  GuardThresholds: guardThresholds,
  Migration: migration,
  MigrationPlan: migrationPlan,
  Node: node,
  PathHop: pathHop,
  Trace: trace,
  TracePacket: tracePacket,
  TraceSummary: traceSummary,
  Verdict: verdict,
  Pod: pod,
  PodPath: podPath,
  PodSummary: podSummary,
  Problem: problem,
};

/** Collects the routes' schemas into one OpenAPI 3.1 document. Call it before the routes are registered. */
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

/** Removes zod's default bounds of integers, the range of a double, which say nothing about the value. */
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

/** Removes the components' input variants, which no request uses, and describes responses by their status. */
function tidyDocument(api: ApiDocument): ApiDocument {
  for (const id of Object.keys(components)) delete api.components.schemas[`${id}Input`];
  const answers = Object.values(api.paths)
    .flatMap((path) => Object.values(path))
    .flatMap(({ responses }) => Object.entries(responses ?? {}));
  for (const [status, answer] of answers)
    if (answer.description === 'Default Response') answer.description = STATUS_CODES[status] ?? status;
  return api;
}

/** The error response of every route. */
export const problemResponses = {
  default: {
    description: 'The request was rejected or failed',
    content: { 'application/problem+json': { schema: problem } },
  },
};

export const openapiRoute: FastifyPluginAsyncZod = async (app) => {
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
};
