import { z } from 'zod';
import { listQuerySchema } from '../../contract/list.ts';
import type { PageRequest } from '../store/records.ts';
import type { AgentServices } from './agent.ts';
import { resolvePodId } from './pod-ref.ts';

/** Lists are paged by the number of an item, which `next` of a page holds. */
const before = z
  .string()
  .regex(/^\d{1,9}$/, 'not the `next` of a page')
  .optional()
  .describe('`next` of the previous page');

/** Query of a list. */
export const pageQuerySchema = listQuerySchema.omit({ pod: true }).extend({ before });

/** Query of a list that can be limited to one pod. */
export const podPageQuerySchema = listQuerySchema.extend({ before });

/** Returns the query as a page of the store, with the pod's id in place of its name. */
export const toStorePage = (
  agent: AgentServices,
  { pod, ...page }: z.infer<typeof podPageQuerySchema>,
): PageRequest => (pod === undefined ? page : { ...page, pod: resolvePodId(agent, pod) });
