import { z } from 'zod';
import { listQuerySchema } from '../../contract/pagination.ts';
import type { PageRequest } from '../store/records.ts';
import type { AgentServices } from './agent-services.ts';
import { resolvePodId } from './pod-parameter.ts';

/** Query parameter `before`: the cursor of a page, which the previous page returned as `next`. */
const before = z
  .string()
  .regex(/^\d{1,9}$/, 'not the `next` of a page')
  .optional()
  .describe('`next` of the previous page');

/** Schema of the query of a paginated list. */
export const pageQuerySchema = listQuerySchema.omit({ pod: true }).extend({ before });

/** Schema of the query of a paginated list that can be limited to one pod. */
export const podPageQuerySchema = listQuerySchema.extend({ before });

/** Converts a list query to a page request of the store, and resolves the pod's name to its id. */
export const toStorePageRequest = (
  agent: AgentServices,
  { pod, ...page }: z.infer<typeof podPageQuerySchema>,
): PageRequest => (pod === undefined ? page : { ...page, pod: resolvePodId(agent, pod) });
