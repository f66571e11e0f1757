import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, bareTest as test } from './fixtures/index.ts';
import type { Netns } from './fixtures/netns.ts';

async function inBothThemes(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
}

const ping = (from: Netns) => from.run('ping', '-c', '3', '-i', '0.05', '-W', '1', '10.42.11.2');

test('packets of a pod are traced as a path and by observation, and captured to a file', async ({
  node,
  page,
}) => {
  const from = await node.addPod('traced', '10.42.11.1/32');
  await node.addPod('met', '10.42.11.2/32');
  await page.goto(await node.gateway.newLink());
  await page.goto('/pods/shop.traced');
  await page.getByRole('main').getByRole('link', { name: 'Trace', exact: true }).click();
  await expect(page.getByLabel('Pod', { exact: true })).toHaveValue('shop.traced');
  await page.getByLabel('Address (source or destination)').fill('10.42.11');
  await page.getByRole('button', { name: 'Start trace' }).click();
  await expect(page.getByText('Not an IP address')).toBeVisible();
  await page.getByLabel('Address (source or destination)').fill('10.42.11.2');
  await page.getByLabel('Protocol').selectOption('icmp');
  await page.getByLabel('Max packets').fill('6');
  await page.getByRole('button', { name: 'Start trace' }).click();
  await expect(page.getByText('No matching packets yet.')).toBeVisible();

  ping(from);
  await expect(page.getByText('stopped: packet limit reached')).toBeVisible();
  const paths = page.getByRole('region', { name: 'Paths' });
  await expect(paths.getByTitle('from pod, tcx/ingress: shop.traced')).toBeVisible();
  await expect(paths.getByTitle('delivered: shop.met')).toBeVisible();
  await expect(paths.getByRole('listitem').filter({ hasText: '3 redirected' })).toHaveCount(2);
  const packets = page.getByRole('table', { name: /^Packets/ });
  await expect(
    packets.getByRole('row', { name: /10.42.11.1 → 10.42.11.2 icmp echo .*delivered/ }),
  ).toHaveCount(3);
  await expect(
    packets.getByRole('row', { name: /from shop.traced, tcx\/ingress redirected to shop.met/ }),
  ).toHaveCount(3);
  await inBothThemes(page);
  await page.getByRole('button', { name: 'Run again' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('stopped', { exact: true })).toBeVisible();

  await page.getByRole('link', { name: 'Capture' }).click();
  await page.getByLabel('Pod', { exact: true }).fill('shop.traced');
  await page.getByLabel('Protocol').selectOption('icmp');
  await page.getByLabel('Max packets').fill('3');
  await expect(page.getByText('The programs of shop.traced are on tcx hooks.')).toBeVisible();
  await inBothThemes(page);
  await page.getByRole('button', { name: 'Start capture' }).click();
  await expect(page.getByRole('button', { name: 'Stop and keep' })).toBeVisible();
  await expect(page.getByRole('status').filter({ hasText: /^[1-9]\d* B|B in/ })).toBeVisible();
  ping(from);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download' }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^shop\.traced-.*\.pcapng$/);
  expect(
    readFileSync(await file.path())
      .subarray(0, 4)
      .toString('hex'),
  ).toBe('0a0d0d0a');
});
