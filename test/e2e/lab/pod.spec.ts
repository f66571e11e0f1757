import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../fixtures/index.ts';

/** Opens the page of an app's pod from the list, and waits for its first figures. */
async function openPod(page: Page, app: string): Promise<void> {
  await page.goto('/pods');
  await page.getByRole('link', { name: new RegExp(`^${app}-`) }).click();
  await expect(page.getByRole('figure', { name: /^Network path of/ })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Live charts' }).getByText('first sample')).toHaveCount(0);
}

const violations = async (page: Page) =>
  (await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze())
    .violations;

for (const colorScheme of ['dark', 'light'] as const)
  test(`the pod page and its migration plan conform to WCAG 2 A and AA, ${colorScheme}`, async ({
    page,
    lab: _,
  }) => {
    await page.emulateMedia({ colorScheme });
    await openPod(page, 'web');
    expect(await violations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Fall back to veth' }).click();
    await expect(page.getByRole('dialog').getByText('verified', { exact: true })).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await violations(page)).toEqual([]);
  });

test('the path shows the state of the kernel: kind, both ends, and Podlane’s programs with live rates', async ({
  page,
}) => {
  await openPod(page, 'web');
  const { items } = await (await page.request.get('/api/v1/pods')).json();
  const { id } = items.find(({ name }: { name: string }) => name.startsWith('web-'));
  const { device } = await (await page.request.get(`/api/v1/pods/${id}`)).json();
  const path = page.getByRole('figure', { name: /^Network path of web-.*, netkit$/ });
  await expect(path).toHaveAttribute('data-path-kind', 'netkit');
  await expect(
    path.getByRole('listitem').filter({ hasText: `ifindex ${device.primary.ifindex}` }),
  ).toHaveCount(1);
  for (const { hook, id: program, name } of device.programs) {
    const chip = path.getByRole('group', { name: `${hook}, ${name}` });
    await expect(chip).toContainText(`id ${program}`);
    await expect(chip).toContainText(/[1-9][\d.]*\s?k?\s?runs\/s/);
    // Which of the two depends on where its packets go; packets to other pods are redirected.
    await expect(chip).toContainText(/(redirect|pass)\s*(100|[1-9]\d?) %/);
  }
  await page.goto(`/pods/${id}`);
  await expect(path).toBeVisible();
});

test('the keyboard follows the path of an egress packet, and reads a chart second by second', async ({
  page,
}) => {
  await openPod(page, 'web');
  await page.getByRole('group', { name: /, container$/ }).focus();
  const stops: (string | null)[] = [];
  for (let stop = 0; stop < 2; stop++) {
    await page.keyboard.press('Tab');
    stops.push(await page.locator(':focus').getAttribute('aria-label'));
  }
  expect(stops).toEqual([expect.stringMatching(/^netkit\/peer, /), 'Host stack']);

  const chart = page.getByRole('region', { name: 'Packets' });
  await chart.getByRole('group', { name: /^Packets, chart/ }).focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Escape');
  await chart.getByRole('button', { name: 'Show Packets as a table' }).click();
  await expect(chart.getByRole('cell', { name: 'netkit' }).first()).toBeVisible();
});

test('the plan changes nothing, has its own URL, and Escape closes it', async ({ page }) => {
  await openPod(page, 'web');
  const address = new URL(page.url()).pathname;
  await page.goto(`${address}?migrate=veth`);
  const sheet = page.getByRole('dialog', { name: 'Fall back to veth' });
  await expect(sheet.getByRole('listitem').filter({ hasText: /planned|verified/ })).toHaveCount(2);
  await expect(sheet.getByRole('heading', { name: 'Not carried over' })).toBeVisible();
  await expect(sheet.getByText('rollback possible until here')).toBeVisible();
  await expect(sheet.getByRole('button', { name: 'Fall back to veth' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
  expect(new URL(page.url()).search).toBe('');
  await expect(page.getByRole('figure', { name: /, netkit$/ })).toBeVisible();
  const { items } = await (await page.request.get('/api/v1/migrations')).json();
  expect(items.filter(({ podName }: { podName: string }) => podName.startsWith('web-'))).toEqual([]);
});

test('programs move to the primary and back by keyboard, after the steps are shown', async ({ page }) => {
  await openPod(page, 'web');
  const programs = page.getByRole('region', { name: 'Programs', exact: true });
  await programs.getByRole('button', { name: 'Move programs to the primary' }).press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Move programs to the primary' });
  await expect(dialog.getByRole('listitem')).toHaveText([
    /Attach new/,
    /Switch counters/,
    /Policy/,
    /Detach old/,
  ]);
  await expect(dialog.getByRole('button', { name: 'Move' })).toBeFocused();
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await expect(programs).toContainText('attach fallback: on tcx/ingress and tcx/egress of the primary');
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('figure', { name: /, netkit, programs on tcx$/ })).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 }).locator('..')).toContainText('programs on tcx');
  await page.getByRole('button', { name: 'Undo: move them back' }).click();
  await expect(programs).toContainText('on the netkit hooks');
  await expect(page.getByRole('region', { name: 'Events' }).getByText('programs moved')).toHaveCount(2);
});

test('the page of an unknown pod says so and links back', async ({ page }) => {
  await page.goto('/pods/shop.nobody');
  await expect(page.getByRole('heading', { name: 'No such pod' })).toBeVisible();
  await page.getByRole('link', { name: 'All pods of this node' }).click();
  await expect(page).toHaveURL('/pods');
});
