import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { type KubernetesStatus, kubernetesStatusSchema } from '../../../contract/kubernetes.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

/** HTTP route of the connection to the cluster that the node belongs to. */
export const kubernetesRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/kubernetes',
      {
        schema: {
          summary:
            'Returns the state of the connection to the Kubernetes API server, and of its NetworkPolicies',
          tags: ['node'],
          response: { 200: kubernetesStatusSchema, ...problemResponses },
        },
      },
      () => agent.cluster?.status() ?? withoutCluster,
    );
  };

const withoutCluster: KubernetesStatus = {
  configured: false,
  server: null,
  node: null,
  state: 'off',
  since: null,
  error: null,
  watches: [],
  policies: { applied: 0, refused: 0, waiting: 0, items: [] },
  statusWrites: { state: 'on', error: null },
};
