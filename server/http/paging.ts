import { z } from 'zod';
import { listQuery } from '../../contract/list.ts';
import type { Page } from '../store/records.ts';
import type { Agent } from './agent.ts';
import { resolvePodId } from './pod-ref.ts';

/** Lists are paged by the number of an item, which `next` of a page holds. */
const before = z
  .string()
  .regex(/^\d{1,9}$/, 'not the `next` of a page')
  .optional()
  .describe('`next` of the previous page');

/** Query of a list. */
export const pageQuery = listQuery.omit({ pod: true }).extend({ before });

/** Query of a list that can be limited to one pod. */
export const podPageQuery = listQuery.extend({ before });

/** Returns the query as a page of the store, with the pod's id in place of its name. */
export const storePage = (agent: Agent, { pod, ...page }: z.infer<typeof podPageQuery>): Page =>
  pod === undefined ? page : { ...page, pod: resolvePodId(agent, pod) };
