import type { PrismaClient } from './client/client.ts';
import { olderThan, pageOf } from './paginate.ts';
import type { NewRuleVersion, Page, PageOf, RuleVersionRecord } from './records.ts';

export async function addRuleVersion(
  prisma: PrismaClient,
  version: NewRuleVersion,
): Promise<RuleVersionRecord> {
  return prisma.ruleVersion.create({ data: version });
}

export async function removeRuleVersion(prisma: PrismaClient, number: number): Promise<void> {
  await prisma.ruleVersion.deleteMany({ where: { number } });
}

export async function lastRuleVersion(prisma: PrismaClient): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findFirst({ orderBy: { number: 'desc' } });
}

export async function ruleVersion(prisma: PrismaClient, number: number): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findUnique({ where: { number } });
}

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
