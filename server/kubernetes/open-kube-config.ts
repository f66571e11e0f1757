import { existsSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node';
import { ProblemError } from '../../contract/problem.ts';

/** Value of `--kubernetes` for an agent that runs as a pod of the cluster. */
export const inCluster = 'in-cluster';

/**
 * Loads how to reach the API server. The client's package is loaded here first: it takes 90 MB of memory, which an agent
 * without a cluster does not need.
 * @param source path of a kubeconfig, or `in-cluster`
 * @throws ProblemError `unprocessable`
 */
export async function openKubeConfig(source: string): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const refuse = (why: string, hint: string, cause?: unknown): never => {
    throw new ProblemError('unprocessable', `read how to reach Kubernetes from ${source}: ${why}`, {
      hint,
      cause,
    });
  };
  if (source === inCluster) {
    if (!process.env.KUBERNETES_SERVICE_HOST || !process.env.KUBERNETES_SERVICE_PORT)
      refuse(
        'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set',
        'Outside of a pod, give the path of a kubeconfig.',
      );
    config.loadFromCluster();
    return config;
  }
  if (!existsSync(source)) refuse('there is no such file', 'Give the path of a kubeconfig, or in-cluster.');
  try {
    config.loadFromFile(source);
  } catch (error) {
    refuse((error as Error).message, 'kubectl --kubeconfig FILE config view says what is wrong.', error);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined || !URL.canParse(server))
    refuse('its current context has no server', 'kubectl config use-context NAME chooses one.');
  return config;
}
