import { z } from 'zod';

/** A page of a list, newest first where the items have a time. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('pass as `before` for the next page'),
  });

export const listQuery = z.object({
  before: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  pod: z.string().max(320).optional(),
});
