import type { PrismaClient } from './client/client.ts';
import type { ScopedSettings } from './records.ts';

export async function readSetting(prisma: PrismaClient, scope: string, name: string): Promise<unknown> {
  const row = await prisma.setting.findUnique({ where: { scope_name: { scope, name } } });
  return row === null ? null : JSON.parse(row.value);
}

export async function readSettings(prisma: PrismaClient, name: string): Promise<Map<string, unknown>> {
  const rows = await prisma.setting.findMany({ where: { name } });
  return new Map(rows.map((row) => [row.scope, JSON.parse(row.value)]));
}

/** Reads all settings of a scope. */
export async function readScope(prisma: PrismaClient, scope: string): Promise<ScopedSettings> {
  const rows = await prisma.setting.findMany({ where: { scope }, orderBy: { name: 'asc' } });
  return Object.fromEntries(rows.map(({ name, value }) => [name, JSON.parse(value)]));
}

export async function saveSetting(
  prisma: PrismaClient,
  scope: string,
  name: string,
  value: unknown,
): Promise<void> {
  if (value === null) {
    await prisma.setting.deleteMany({ where: { scope, name } });
    return;
  }
  const row = { scope, name, value: JSON.stringify(value) };
  await prisma.setting.upsert({ where: { scope_name: { scope, name } }, create: row, update: row });
}
