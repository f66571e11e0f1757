import { z } from 'zod';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentServices } from './agent.ts';

/** Path parameter that names a pod. */
export const podParamsSchema = z.object({ id: z.string().describe('Pod id, or `namespace.name`') });

/** Returns the id of a pod given by id or name. The name of a removed pod is unknown: what is given counts as its id. */
export function resolvePodId(agent: Pick<AgentServices, 'pods'>, idOrName: string): string {
  try {
    return agent.pods.find(idOrName);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'pod_not_found') return idOrName;
    throw error;
  }
}
