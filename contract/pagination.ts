import { z } from 'zod';

/** Creates the schema of a page of list items. Items with a time are sorted newest first. */
export const createPageSchema = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe('Value of `before` for the next page; null on the last page'),
  });

/** Query parameters of a list. */
export const listQuerySchema = z.object({
  before: z.string().max(64).optional().describe('`next` of the previous page'),
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('Items per page'),
  pod: z.string().max(320).optional().describe('Only items of this pod: its id, or `namespace.name`'),
});
