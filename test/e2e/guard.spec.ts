import { AxeBuilder } from '@axe-core/playwright';
import { test as base, expect } from '@playwright/test';
import { startNode } from './fixtures/node.ts';

/** A node of its own: what is chosen for it stays. */
const test = base.extend<{ url: string }>({
  url: async ({ page }, use) => {
    await using node = await startNode();
    await node.addPod('cart', '10.42.7.2/32');
    await page.goto(node.gateway.link);
    await use(node.url);
  },
});

test('the pod page shows what the guard does, and changes its thresholds for the pod', async ({
  url,
  page,
}) => {
  await page.goto(`${url}/pods/shop.cart`);
  const guard = page.getByRole('region', { name: 'Guard' });
  await expect(guard).toContainText('The guard watches pods on netkit; this one is on veth.');
  await expect(guard).toContainText('has not acted on this pod');

  await guard.getByRole('button', { name: 'Switch off' }).click();
  await expect(guard).toContainText('The guard is off');
  await guard.getByRole('button', { name: 'Thresholds' }).click();
  const sheet = page.getByRole('dialog', { name: 'Guard of this pod' });
  await expect(sheet.getByLabel('Monitor and act')).toHaveValue('off');
  await sheet.getByLabel('Drop ratio').fill('250');
  await sheet.getByRole('button', { name: 'Save' }).click();
  await expect(sheet.getByRole('status')).toContainText('Not saved');
  await expect(sheet.getByLabel('Drop ratio')).toHaveAttribute('aria-invalid', 'true');
  await sheet.getByLabel('Drop ratio').fill('25');
  await sheet.getByLabel('Monitor and act').selectOption('on');
  await sheet.getByRole('button', { name: 'Save' }).click();
  await expect(sheet.getByRole('button', { name: 'Save' })).toBeDisabled();
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(guard.getByRole('button', { name: 'Switch off' })).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).include('section[aria-labelledby=guard]').analyze();
  expect(violations).toEqual([]);
});

test('settings of the node persist over a reload of the page', async ({ url, page }) => {
  await page.goto(url);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Settings' }).click();
  await expect(page.getByRole('heading', { name: 'Settings', level: 1 })).toBeVisible();
  await expect(page.getByText('The automatic fallback accepts every loss')).toBeVisible();
  const redirect = page.getByRole('checkbox', { name: /Redirect same-node traffic/ });
  await expect(redirect).toBeChecked();
  await redirect.uncheck();
  await expect(redirect).toBeEnabled();
  const repairs = page.getByLabel('Repairs before fallback');
  await expect(repairs).toHaveAttribute('placeholder', '2 (default)');
  await repairs.fill('7');
  await page.getByLabel('ICMP echo').selectOption('off');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();

  await page.reload();
  await expect(repairs).toHaveValue('7');
  await expect(page.getByLabel('ICMP echo')).toHaveValue('off');
  await expect(redirect).not.toBeChecked();
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
});
