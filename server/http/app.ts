import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentServices } from './agent-services.ts';
import { registerErrorHandler, sendProblem } from './error-handler.ts';
import { registerMethodNotAllowed } from './method-not-allowed.ts';
import { openapiRoute, registerOpenapi } from './openapi.ts';
import { registerRoleChecks } from './role-check.ts';
import { batchRoutes } from './routes/batches.ts';
import { datapathBuildRoutes } from './routes/builds.ts';
import { captureRoutes } from './routes/capture.ts';
import { cniRoutes } from './routes/cni.ts';
import { debugDumpRoutes } from './routes/debug-dumps.ts';
import { dropRoutes } from './routes/drops.ts';
import { eventRoutes } from './routes/events.ts';
import { guardRoutes } from './routes/guard.ts';
import { healthRoutes } from './routes/health.ts';
import { kubernetesRoutes } from './routes/kubernetes.ts';
import { labTrafficRoutes } from './routes/lab-traffic-report.ts';
import { mapRoutes } from './routes/maps.ts';
import { metricRoutes } from './routes/metrics.ts';
import { migrationRoutes } from './routes/migrations.ts';
import { moveHooksRoutes } from './routes/move-hooks.ts';
import { namespaceRoutes } from './routes/namespaces.ts';
import { nodeRoutes } from './routes/node.ts';
import { nodeSettingRoutes } from './routes/node-settings.ts';
import { observedPodRoutes } from './routes/observed-pods.ts';
import { packetCheckRoutes } from './routes/packet-checks.ts';
import { podRoutes } from './routes/pods.ts';
import { preflightRoutes } from './routes/preflight.ts';
import { programRoutes } from './routes/programs.ts';
import { ruleRoutes } from './routes/rules.ts';
import { sessionRoutes } from './routes/session.ts';
import { traceRoutes } from './routes/traces.ts';
import { userProgramRoutes } from './routes/user-programs.ts';
import { verdictRoutes } from './routes/verdicts.ts';

/** Default size limit of a request body in bytes. */
const maxBodyBytes = 1 << 20;

/** Maximum length of a percent-encoded path parameter; names of access rules are the longest. */
const maxParamLength = 1200;

export interface ApiAppOptions {
  version: string;
  /** Called first with each request; throws ProblemError to reject it. */
  admit?: (request: FastifyRequest['raw']) => void;
}

/** Builds the Fastify app of the REST API under `/api/v1`, without listening. */
export async function buildApiApp(
  agent: AgentServices,
  { version, admit }: ApiAppOptions,
): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: agent.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    routerOptions: { maxParamLength },
    return503OnClosing: false, // Fastify's own answer is not problem details
    // A path with malformed percent-escapes reaches no hook; it is refused as any other that may not be asked.
    frameworkErrors: (error, request, reply) => {
      sendProblem(findRefusal(admit, request) ?? error, request, reply);
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  registerErrorHandler(app);
  rejectWhileStopping(app);
  if (admit !== undefined) app.addHook('onRequest', async ({ raw }) => admit(raw));
  registerRoleChecks(app);
  const refuseOthers = registerMethodNotAllowed(app);
  await registerOpenapi(app, version);
  const routes = [
    nodeRoutes,
    nodeSettingRoutes,
    kubernetesRoutes,
    podRoutes,
    namespaceRoutes,
    observedPodRoutes,
    userProgramRoutes,
    moveHooksRoutes,
    dropRoutes,
    packetCheckRoutes,
    cniRoutes,
    guardRoutes,
    ruleRoutes,
    migrationRoutes,
    batchRoutes,
    preflightRoutes,
    datapathBuildRoutes,
    programRoutes,
    mapRoutes,
    verdictRoutes,
    traceRoutes,
    captureRoutes,
    eventRoutes,
    healthRoutes,
    metricRoutes,
    debugDumpRoutes,
  ];
  if (agent.lab) routes.push(labTrafficRoutes);
  for (const route of routes) await app.register(route(agent), { prefix: '/api/v1' });
  await app.register(sessionRoutes, { prefix: '/api/v1' });
  await app.register(openapiRoute, { prefix: '/api/v1' });
  refuseOthers();
  await app.ready();
  return app;
}

/** Returns the error with which `admit` rejects a request; null if it does not. */
function findRefusal(admit: ApiAppOptions['admit'], { raw }: FastifyRequest): unknown {
  try {
    admit?.(raw);
    return null;
  } catch (error) {
    return error;
  }
}

/** Rejects requests on kept-alive connections while the app closes. */
function rejectWhileStopping(app: FastifyInstance): void {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onRequest', async () => {
    if (stopping) throw new ProblemError('stopping', 'the agent is stopping; the pods keep their network');
  });
}
