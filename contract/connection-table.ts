import { z } from 'zod';

/** Connections of a pod in the table of the access rules, which all pods of the node share. */
export const podConnectionTableSchema = z.object({
  capacity: z.number().int().describe('Connections that the table has room for, of all pods'),
  used: z
    .number()
    .int()
    .describe('Connections of all pods, including expired ones whose place was not needed'),
  quota: z.number().int().describe('Connections that one pod may have; 0: no limit'),
  connections: z.number().int().describe('Connections of this pod'),
  evicted: z.number().int().describe('Connections of this pod that made room for newer ones'),
  evictedReplied: z.number().int().describe('Part of `evicted` that had been answered'),
  untracked: z
    .number()
    .int()
    .describe(
      'Connections that were allowed but not tracked, since there was no room: their answers are dropped',
    ),
});
export type PodConnectionTable = z.infer<typeof podConnectionTableSchema>;
