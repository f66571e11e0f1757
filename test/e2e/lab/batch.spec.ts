import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import type { Batch } from '../../../contract/batch.ts';
import { expect, test } from '../fixtures/index.ts';

// A kernel without netkit as well: pods get new devices of their kind.
test.use({ labArgs: ['--native'] });

const sheetOf = (page: Page) => page.getByRole('dialog');

async function openPods(page: Page): Promise<void> {
  await page.goto('/pods');
  await expect(page.locator('tr[data-key]').first()).toBeVisible();
}

test('pods are selected by click, range and keyboard, and all filtered pods at once', async ({ page }) => {
  await openPods(page);
  const bar = page.getByRole('region', { name: 'Selection' });
  const boxes = page.locator('tr[data-key] [data-select]');
  await boxes.nth(0).click();
  await expect(bar).toContainText('1 pod selected');
  await boxes.nth(2).click({ modifiers: ['Shift'] });
  await expect(bar).toContainText('3 pods selected');
  await page.keyboard.press('Escape');
  await expect(bar).toBeHidden();

  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await expect(bar).toContainText('2 pods selected');
  await expect(bar).toContainText('2 veth');
  await page.getByRole('textbox', { name: 'Filter pods' }).fill('cart');
  await page.getByRole('checkbox', { name: 'Select all shown' }).check();
  await page.getByRole('textbox', { name: 'Filter pods' }).fill('');
  await expect(bar).toContainText(/[23] pods selected/);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expect(bar).toBeHidden();
});

test('pods that cannot be migrated are listed with the reason before anything changes', async ({ page }) => {
  await openPods(page);
  await page.getByRole('checkbox', { name: 'Select all shown' }).check();
  await page.getByRole('button', { name: 'Promote to netkit…' }).click();
  const sheet = sheetOf(page);
  await expect(sheet.getByRole('heading', { name: 'cannot be migrated' })).toBeVisible();
  await expect(sheet.getByText('no_netkit').first()).toBeVisible();
  await expect(sheet.getByRole('button', { name: /^Promote/ })).toBeDisabled();
  await sheet.getByRole('button', { name: 'Cancel' }).click();
  await expect(sheet).toBeHidden();
  await expect(page.getByRole('region', { name: 'Selection' })).toBeVisible();
});

test('the whole node is migrated, paused and resumed; no request fails, and the URL shows the batch again', async ({
  page,
  lab,
}) => {
  test.setTimeout(480_000);
  await openPods(page);
  const pods = Number(await page.getByRole('table').getAttribute('aria-rowcount')) - 2;
  const before = await lab.traffic();
  await page.getByRole('checkbox', { name: 'Select all shown' }).check();
  await page.getByRole('button', { name: 'Fall back to veth…' }).click();
  const sheet = sheetOf(page);
  await expect(sheet.getByRole('heading', { name: 'already on veth' })).toContainText(String(pods));
  await sheet.getByRole('switch', { name: /recreate pods already on veth/ }).check();
  await sheet.getByRole('slider', { name: 'Parallelism' }).fill('3');
  await sheet.getByRole('button', { name: `Recreate the veth devices of ${pods} pods` }).click();

  await expect(sheet.getByRole('heading', { name: `Recreating ${pods} pods` })).toBeVisible();
  await expect(page).toHaveURL(/\?batch=/);
  await sheet.getByRole('button', { name: 'Pause' }).click();
  await expect(sheet.getByText('Paused: no further pod is migrated.')).toBeVisible();
  const found = await new AxeBuilder({ page }).include('[role=dialog]').analyze();
  expect(found.violations).toEqual([]);
  await sheet.getByRole('button', { name: 'Close' }).click();
  const strip = page.getByRole('region', { name: /^Batch \d+$/ });
  await expect(strip).toContainText('paused');
  await strip.getByRole('button', { name: 'Open' }).click();
  await sheet.getByRole('button', { name: 'Resume' }).click();
  await expect(sheet.getByRole('heading', { name: `${pods} pods on new veth devices` })).toBeVisible({
    timeout: 240_000,
  });

  const address = page.url();
  await sheet.getByRole('button', { name: 'Done' }).click();
  await expect(page).not.toHaveURL(/batch=/);
  await expect(strip).toBeHidden();
  await page.goto(address);
  await expect(sheet.getByRole('heading', { name: `${pods} pods on new veth devices` })).toBeVisible();

  const id = new URL(address).searchParams.get('batch');
  const batch: Batch = await (await page.request.get(`/api/v1/batches/${id}`)).json();
  expect(batch.pods.map(({ state, moved }) => ({ state, moved }))).toEqual(
    batch.pods.map(() => ({ state: 'done', moved: true })),
  );
  const after = await lab.traffic();
  for (const [app, { failed, reconnects }] of Object.entries(after))
    expect([app, failed, reconnects]).toEqual([app, before[app]!.failed, before[app]!.reconnects]);
});
