import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, bareTest as test } from './fixtures/index.ts';

test('a debug dump shows its progress, is downloaded with a table of contents, and deleted', async ({
  node,
  page,
}) => {
  await node.addPod('dumped', '10.42.6.1/32');
  await page.goto(await node.gateway.newLink());
  await page.goto('/debug');
  const dumps = page.getByRole('region', { name: 'Dumps' });
  await expect(dumps).toContainText('No dumps');
  await page.getByRole('button', { name: 'Create dump' }).click();
  await dumps.getByRole('button', { name: 'Cancel' }).click();
  await expect(dumps).toContainText('No dumps');

  await page.getByRole('button', { name: 'Create dump' }).click();
  await expect(dumps).toContainText('Pod networks');
  await expect(page.getByRole('button', { name: 'Create dump' })).toBeDisabled();
  const save = dumps.getByRole('link', { name: 'Download' });
  await expect(save).toBeVisible({ timeout: 80_000 });
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  const download = page.waitForEvent('download');
  await save.click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/\.tar\.gz$/);
  const path = await file.path();
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
  await expect(dumps.getByTitle(sha256)).toBeVisible();
  expect(execFileSync('tar', ['-tzf', path], { encoding: 'utf8' })).toMatch(/\/index\.html$/m);

  await dumps.getByRole('button', { name: 'Delete…' }).click();
  await dumps.getByRole('button', { name: 'Delete permanently' }).click();
  await expect(dumps).toContainText('No dumps');

  await page.context().clearCookies();
  await page.goto(await node.gateway.newLink('operator'));
  await page.goto('/debug');
  await expect(page.getByText('Requires role admin; this session has role operator.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Create dump' })).toBeDisabled();
});
