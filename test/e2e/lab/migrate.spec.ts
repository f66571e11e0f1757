import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../fixtures/index.ts';
import type { Lab } from '../fixtures/lab.ts';

/** The figure under a label of a list of facts. */
const fact = (within: Page | Locator, label: string) =>
  within.locator('dt', { hasText: new RegExp(`^${label}$`) }).locator('xpath=following-sibling::dd');

/** The counts as they should be: no request failed, no TCP connection was opened again. */
const unbroken = (counts: Awaited<ReturnType<Lab['traffic']>>) =>
  Object.fromEntries(Object.entries(counts).map(([app, { ok }]) => [app, { ok, failed: 0, reconnects: 0 }]));

/** Moves the pod that the page shows, by its button, and sees it through. */
async function migrate(page: Page, action: string, kind: string): Promise<void> {
  await page.getByRole('button', { name: action }).click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByRole('heading', { name: action })).toBeVisible();
  await expect(sheet.getByText('ip route replace').first()).toBeVisible();
  await sheet.getByRole('button', { name: action }).click();
  await expect(sheet.getByRole('heading', { name: `On ${kind}` })).toBeVisible({ timeout: 120_000 });
  await expect(sheet.getByText('10 of 10')).toBeVisible();
  await expect(fact(sheet, 'failed')).toHaveText('0');
  await sheet.getByRole('button', { name: 'Done' }).click();
  await expect(
    page.getByRole('figure', { name: new RegExp(`^Network path of cart-.*, ${kind}$`) }),
  ).toBeVisible();
}

/** What the kernel says of the pod's device, through the agent. */
async function device(page: Page, id: string) {
  return (await (await page.request.get(`/api/v1/pods/${id}`)).json()).device;
}

test('cart falls back to veth and is promoted to netkit in the dashboard: no request fails, no connection breaks', async ({
  page,
  lab,
}) => {
  test.setTimeout(720_000);
  await page.goto('/pods');
  await page.getByRole('link', { name: /^cart-/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: /^cart-/ })).toBeVisible();
  await expect(page.getByRole('figure', { name: /^Network path of cart-.*, netkit$/ })).toBeVisible();
  const id = decodeURIComponent(new URL(page.url()).pathname.slice('/pods/'.length));
  const first = await device(page, id);
  expect(first).toMatchObject({ kind: 'netkit', primary: { up: true }, peer: { name: 'eth0', up: true } });

  const before = await lab.traffic();
  expect(before).toEqual(unbroken(before));

  await migrate(page, 'Fall back to veth', 'veth');
  const second = await device(page, id);
  expect(second).toMatchObject({ kind: 'veth', peer: { name: 'eth0', up: true } });
  expect(second.primary.ifindex).not.toBe(first.primary.ifindex);

  await migrate(page, 'Promote to netkit', 'netkit');
  expect(await device(page, id)).toMatchObject({ kind: 'netkit', peer: { name: 'eth0', up: true } });

  // A request that hangs fails when its three seconds are up.
  for (let second = 0; second < 5; second++) await lab.traffic();
  const after = await lab.traffic();
  expect(after).toEqual(unbroken(after));
  expect(after.cart!.ok).toBeGreaterThan(before.cart!.ok);
  await expect(fact(page, 'failed')).toHaveText('0');
});
