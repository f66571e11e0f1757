import type { PrismaClient } from './client/client.ts';
import { toOlderRowsFilter, toResultPage } from './paginate.ts';
import type { NewRuleVersion, PageRequest, ResultPage, RuleVersionRecord } from './records.ts';

export async function addRuleVersion(
  prisma: PrismaClient,
  version: NewRuleVersion,
): Promise<RuleVersionRecord> {
  return prisma.ruleVersion.create({ data: version });
}

/**
 * Adds a version that is active in the kernel as the newest one, with its own number unless another version has that or a
 * higher one.
 */
export async function adoptRuleVersion(prisma: PrismaClient, version: RuleVersionRecord): Promise<void> {
  const { number, ...data } = version;
  const last = await readLastRuleVersion(prisma);
  await prisma.ruleVersion.create({ data: last === null || last.number < number ? version : data });
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
