import type { MigrationItem, MigrationPlan } from './migration.ts';

/** Tells whether an item has to be accepted before a migration. */
export const needsAcceptance = ({ outcome }: Pick<MigrationItem, 'outcome'>): boolean =>
  outcome === 'changed' || outcome === 'lost';

/** Formats an item as one sentence: the detail of its check in the plan, and its line in an error. */
export const formatMigrationItem = ({ name, becomes }: Pick<MigrationItem, 'name' | 'becomes'>): string =>
  `${name}: ${becomes}`;

/** Returns the checks of a plan without those that repeat its items. */
export function listChecksWithoutItems({
  checks,
  items,
}: Pick<MigrationPlan, 'checks' | 'items'>): MigrationPlan['checks'] {
  const details = new Set(items.map(formatMigrationItem));
  return checks.filter(({ detail, state }) => state === 'passed' || !details.has(detail));
}
