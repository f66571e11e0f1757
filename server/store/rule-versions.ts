import type { PrismaClient } from './client/client.ts';
import type { RuleVersionModel } from './client/models.ts';
import { olderThan, pageOf } from './paginate.ts';
import type { Page, PageOf } from './records.ts';

/** Access rules that were put in force, or taken away (`text` null). The last one holds. */
export type RuleVersionRecord = RuleVersionModel;
export type NewRuleVersion = Omit<RuleVersionRecord, 'number'>;

export async function addRuleVersion(
  prisma: PrismaClient,
  version: NewRuleVersion,
): Promise<RuleVersionRecord> {
  return prisma.ruleVersion.create({ data: version });
}

/** Takes back one that could not be put in force. */
export async function removeRuleVersion(prisma: PrismaClient, number: number): Promise<void> {
  await prisma.ruleVersion.deleteMany({ where: { number } });
}

/** @returns null where there were never any */
export async function lastRuleVersion(prisma: PrismaClient): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findFirst({ orderBy: { number: 'desc' } });
}

export async function ruleVersion(prisma: PrismaClient, number: number): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findUnique({ where: { number } });
}

/** Without their texts. */
export async function listRuleVersions(
  prisma: PrismaClient,
  page: Page,
): Promise<PageOf<Omit<RuleVersionRecord, 'text'>>> {
  const rows = await prisma.ruleVersion.findMany({
    where: { number: olderThan(page) },
    orderBy: { number: 'desc' },
    take: page.limit + 1,
    omit: { text: true },
  });
  return pageOf(rows, page.limit, ({ number }) => number);
}
