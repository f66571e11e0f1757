import { expect, test } from 'vitest';
import { pickNewerMigration, upsertMigration } from '../../../app/_lib/migration-queries.ts';
import type { Migration } from '../../../contract/migration.ts';

const at = (done: number, ended = false): Migration =>
  ({
    id: 'm',
    endedAt: ended ? '2026-11-22T00:00:00Z' : null,
    steps: Array.from({ length: 10 }, (_, i) => ({ state: i < done ? 'done' : 'pending' })),
  }) as Migration;

test('the later of two states of a migration wins, in either order', () => {
  const [early, late, ended] = [at(3), at(6), at(10, true)];
  expect(pickNewerMigration(undefined, early)).toBe(early);
  expect(pickNewerMigration(early, late)).toBe(late);
  expect(pickNewerMigration(late, early)).toBe(late);
  expect(pickNewerMigration(ended, late)).toBe(ended);
  expect(pickNewerMigration(late, ended)).toBe(ended);
});

test('a new migration is first in the list', () => {
  const old = { ...at(10, true), id: 'old' };
  expect(upsertMigration([old], at(1)).map(({ id }) => id)).toEqual(['m', 'old']);
  expect(upsertMigration([at(1), old], at(2))[0]?.steps[1]?.state).toBe('done');
});
