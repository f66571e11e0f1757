import { z } from 'zod';
import { listQuery } from '../../contract/list.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { Agent } from './agent.ts';

/** Lists are cut by the number of an item, which a page’s `next` gives. */
const before = z
  .string()
  .regex(/^\d{1,9}$/, 'not the `next` of a page')
  .optional();

export const pageQuery = listQuery.omit({ pod: true }).extend({ before });
export const podPageQuery = listQuery.extend({ before });

/** The id of a pod of this node; of a pod that is no longer, only its id is known. */
export function resolvePodId(agent: Agent, idOrName: string | undefined): string | undefined {
  if (idOrName === undefined) return undefined;
  try {
    return agent.pods.find(idOrName);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'pod_not_found') return idOrName;
    throw error;
  }
}
