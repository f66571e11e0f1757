import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ProblemError } from '../../contract/problem.ts';
import type { Agent } from './agent.ts';
import { handleErrors, sendProblem } from './error-handler.ts';
import { rejectOtherMethods } from './method-not-allowed.ts';
import { openapiRoute, registerOpenapi } from './openapi.ts';
import { requireRoles } from './role.ts';
import { batchRoutes } from './routes/batches.ts';
import { buildRoutes } from './routes/builds.ts';
import { captureRoutes } from './routes/capture.ts';
import { dropRoutes } from './routes/drops.ts';
import { dumpRoutes } from './routes/dumps.ts';
import { eventRoutes } from './routes/events.ts';
import { guardRoutes } from './routes/guard.ts';
import { healthRoutes } from './routes/health.ts';
import { trafficRoutes } from './routes/lab-traffic.ts';
import { mapRoutes } from './routes/maps.ts';
import { metricRoutes } from './routes/metrics.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { nodeRoutes } from './routes/node.ts';
import { settingRoutes } from './routes/node-settings.ts';
import { hookRoutes } from './routes/pod-hooks.ts';
import { podRoutes } from './routes/pods.ts';
import { programRoutes } from './routes/programs.ts';
import { ruleRoutes } from './routes/rules.ts';
import { sessionRoutes } from './routes/session.ts';
import { traceRoutes } from './routes/traces.ts';
import { userProgramRoutes } from './routes/user-programs.ts';
import { verdictRoutes } from './routes/verdicts.ts';

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
  handleErrors(app);
  rejectWhileStopping(app);
  if (admit !== undefined) app.addHook('onRequest', async ({ raw }) => admit(raw));
  requireRoles(app);
  const refuseOthers = rejectOtherMethods(app);
  await registerOpenapi(app, version);
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
function rejectWhileStopping(app: FastifyInstance): void {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onRequest', async () => {
    if (stopping) throw new ProblemError('stopping', 'the agent is stopping; the pods keep their network');
  });
}
