import type { PrismaClient } from './client/client.ts';
import { toOlderRowsFilter, toResultPage } from './paginate.ts';
import type { NewRuleVersion, PageRequest, ResultPage, RuleVersionRecord } from './records.ts';

export async function addRuleVersion(
  prisma: PrismaClient,
  version: NewRuleVersion,
): Promise<RuleVersionRecord> {
  return prisma.ruleVersion.create({ data: version });
}

export async function removeRuleVersion(prisma: PrismaClient, number: number): Promise<void> {
  await prisma.ruleVersion.deleteMany({ where: { number } });
}

export async function readLastRuleVersion(prisma: PrismaClient): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findFirst({ orderBy: { number: 'desc' } });
}

export async function readRuleVersion(
  prisma: PrismaClient,
  number: number,
): Promise<RuleVersionRecord | null> {
  return prisma.ruleVersion.findUnique({ where: { number } });
}

export async function listRuleVersions(
  prisma: PrismaClient,
  page: PageRequest,
): Promise<ResultPage<Omit<RuleVersionRecord, 'text'>>> {
  const rows = await prisma.ruleVersion.findMany({
    where: { number: toOlderRowsFilter(page) },
    orderBy: { number: 'desc' },
    take: page.limit + 1,
    omit: { text: true },
  });
  return toResultPage(rows, page.limit, ({ number }) => number);
}
