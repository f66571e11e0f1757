import { z } from 'zod';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentServices } from './agent-services.ts';

/** Schema of the path parameter that identifies a pod. */
export const podParamsSchema = z.object({ id: z.string().describe('Pod id, or `namespace.name`') });

/**
 * Resolves a pod id or `namespace.name` to a pod id. Returns an unknown name as it is, because it may be the id of a
 * removed pod.
 */
export function resolvePodId(agent: Pick<AgentServices, 'pods'>, idOrName: string): string {
  try {
    return agent.pods.find(idOrName);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'pod_not_found') return idOrName;
    throw error;
  }
}
