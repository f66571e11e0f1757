import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ProblemError } from '../../contract/problem.ts';
import type { Agent } from './agent.ts';
import { batchRoutes } from './batches.ts';
import { buildRoutes } from './builds.ts';
import { captureRoutes } from './capture.ts';
import { dropRoutes } from './drops.ts';
import { dumpRoutes } from './dumps.ts';
import { answerErrors, sendProblem } from './errors.ts';
import { eventRoutes } from './events.ts';
import { guardRoutes } from './guard.ts';
import { healthRoutes } from './health.ts';
import { hookRoutes } from './hooks.ts';
import { mapRoutes } from './maps.ts';
import { refuseOtherMethods } from './methods.ts';
import { metricRoutes } from './metrics.ts';
import { migrationRoutes } from './migrations.ts';
import { nodeRoutes } from './node.ts';
import { describeApi, openapiRoute } from './openapi.ts';
import { podRoutes } from './pods.ts';
import { programRoutes } from './programs.ts';
import { requireRoles } from './role.ts';
import { ruleRoutes } from './rules.ts';
import { sessionRoutes } from './session.ts';
import { settingRoutes } from './settings.ts';
import { traceRoutes } from './traces.ts';
import { trafficRoutes } from './traffic.ts';
import { userProgramRoutes } from './user-programs.ts';
import { verdictRoutes } from './verdicts.ts';

/** A report of the lab's traffic names every pod; other bodies are far smaller. */
const maxBodyBytes = 1 << 20;

/** Names in paths, encoded: those of access rules are the longest. */
const maxNameLength = 1200;

export interface AppOptions {
  version: string;
  /** Asked of each request before anything else; throws ProblemError to refuse it. */
  admit?: (request: FastifyRequest['raw']) => void;
}

/** The REST API under `/api/v1`, not listening yet. */
export async function buildApp(agent: Agent, { version, admit }: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: agent.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength: maxNameLength },
    return503OnClosing: false, // it would not be problem details
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerErrors(app);
  refuseWhileStopping(app);
  if (admit !== undefined) app.addHook('onRequest', async ({ raw }) => admit(raw));
  requireRoles(app);
  const refuseOthers = refuseOtherMethods(app);
  await describeApi(app, version);
  const routes = [
    nodeRoutes,
    settingRoutes,
    podRoutes,
    userProgramRoutes,
    hookRoutes,
    dropRoutes,
    guardRoutes,
    ruleRoutes,
    migrationRoutes,
    batchRoutes,
    buildRoutes,
    programRoutes,
    mapRoutes,
    verdictRoutes,
    traceRoutes,
    captureRoutes,
    eventRoutes,
    healthRoutes,
    metricRoutes,
    dumpRoutes,
  ];
  if (agent.lab) routes.push(trafficRoutes);
  for (const route of routes) await app.register(route(agent), { prefix: '/api/v1' });
  await app.register(sessionRoutes, { prefix: '/api/v1' });
  await app.register(openapiRoute, { prefix: '/api/v1' });
  refuseOthers();
  await app.ready();
  return app;
}

/** Connections that are kept alive may still bring requests while the others are answered. */
function refuseWhileStopping(app: FastifyInstance): void {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onRequest', async () => {
    if (stopping) throw new ProblemError('stopping', 'the agent is stopping; the pods keep their network');
  });
}
