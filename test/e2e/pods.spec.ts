import { spawn } from 'node:child_process';
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, bareTest as test } from './fixtures/index.ts';

const names = ['pricing', 'ledger', 'search'] as const;
let traffic: ReturnType<typeof spawn> | undefined;

test.beforeAll(async ({ node }) => {
  const pods = [];
  for (const [i, name] of names.entries()) pods.push(await node.addPod(name, `10.99.7.${i + 1}/32`));
  const [pricing] = pods;
  // Pricing and search talk, ledger is idle.
  const ping = ['ping', '-q', '-i', '0.02', '10.99.7.3'];
  traffic = spawn('nsenter', [`--net=${pricing!.path}`, ...ping], { stdio: 'ignore' });
});
test.afterAll(() => void traffic?.kill());

const row = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
/** Ingress packets per second as the pod's row shows them. */
const ingressPackets = (page: Page, name: string) => row(page, name).getByRole('cell').nth(4);
const shownNames = (page: Page) => page.getByRole('rowheader').allInnerTexts();
const filter = (page: Page) => page.getByRole('textbox', { name: 'Filter pods' });

test.beforeEach(async ({ page, node }) => {
  await page.goto(await node.gateway.newLink());
  await expect(row(page, 'ledger')).toBeVisible();
});

test('each pod shows its address, its kind as a word and its current rates, the busiest first', async ({
  page,
}) => {
  await expect(row(page, 'pricing')).toContainText('veth');
  await expect(row(page, 'pricing')).toContainText('10.99.7.1');
  await expect(ingressPackets(page, 'pricing')).toHaveText(/^[3-6]\d$/);
  await expect(ingressPackets(page, 'ledger')).toHaveText('0');
  await page.mouse.move(0, 0);
  await expect(async () => {
    const shown = await shownNames(page);
    expect(shown.indexOf('ledger')).toBeGreaterThan(shown.indexOf('pricing'));
    expect(shown.indexOf('ledger')).toBeGreaterThan(shown.indexOf('search'));
  }).toPass();
});

test('the slash key focuses the filter, the URL keeps it, and a link restores it', async ({ page }) => {
  await page.keyboard.press('/');
  await page.keyboard.type('10.99.7.2');
  await expect(page.getByRole('rowheader')).toHaveText(['ledger']);
  await expect(page).toHaveURL(/\?q=10\.99\.7\.2$/);
  await page.reload();
  await expect(page.getByRole('rowheader')).toHaveText(['ledger']);
  await expect(filter(page)).toHaveValue('10.99.7.2');
  await page.keyboard.press('Escape');
  await expect(row(page, 'pricing')).toBeVisible();
  await expect(page).toHaveURL(/\/pods$/);
});

test('the filter finds a pod by ifindex, and facets narrow the list', async ({ page }) => {
  const { items } = await (await page.request.get('/api/v1/pods')).json();
  const search = items.find(({ name }: { name: string }) => name === 'search');
  await filter(page).fill(String(search.primary.ifindex));
  await expect(page.getByRole('rowheader')).toHaveText(['search']);
  await filter(page).fill('');
  await page.getByRole('button', { name: /^netkit/ }).click();
  await expect(page.getByText('No pod matches')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filter' }).click();
  await page.getByRole('button', { name: /^veth/ }).click();
  await expect(row(page, 'search')).toBeVisible();
  await expect(page).toHaveURL(/\?kind=veth$/);
});

test('a mistyped name is answered with a suggestion', async ({ page }) => {
  await filter(page).fill('pircing');
  await page.getByRole('button', { name: 'pricing', exact: true }).click();
  await expect(page.getByRole('rowheader')).toHaveText(['pricing']);
});

test('a column head sorts, announces it, and the URL keeps it', async ({ page }) => {
  const head = page.getByRole('columnheader', { name: 'pod', exact: true });
  await page.getByRole('button', { name: 'pod', exact: true }).click();
  await expect(head).toHaveAttribute('aria-sort', 'ascending');
  expect(await shownNames(page)).toEqual((await shownNames(page)).toSorted());
  await page.getByRole('button', { name: 'pod', exact: true }).click();
  await expect(head).toHaveAttribute('aria-sort', 'descending');
  await expect(page).toHaveURL(/\?sort=pod&order=desc$/);
  await page.reload();
  await expect(head).toHaveAttribute('aria-sort', 'descending');
  // Pods of other files' tests may be there as well.
  for (const name of names) await expect(row(page, name)).toBeVisible();
  expect(await shownNames(page)).toEqual((await shownNames(page)).toSorted().reverse());
});

test('a pod is reached by keyboard alone', async ({ page }) => {
  await page.getByRole('button', { name: 'address' }).click();
  await filter(page).fill('10.99.7');
  await expect(page.getByRole('rowheader')).toHaveText(names);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  await expect(page.getByRole('link', { name: 'ledger' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/pods\/shop\.ledger$/);
  await page.goBack();
  await expect(filter(page)).toHaveValue('10.99.7');
});

for (const theme of ['dark', 'light'] as const) {
  test(`axe finds nothing in ${theme}, and nothing is wider than a phone`, async ({ page }) => {
    await page.getByRole('button', { name: 'Theme' }).click();
    await page.getByRole('menuitemradio', { name: theme }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    await page.reload();
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    for (const width of [1440, 1024, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await expect(ingressPackets(page, 'ledger')).toHaveText('0');
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    }
  });
}

test('an unknown page says so and links back', async ({ page }) => {
  await page.goto('/nowhere');
  await page.getByRole('link', { name: 'All pods' }).click();
  await expect(row(page, 'ledger')).toBeVisible();
});

test('without the agent the numbers are dimmed and show their age, and “Retry now” reconnects', async ({
  page,
  node,
}) => {
  await expect(ingressPackets(page, 'pricing')).toHaveText(/^\d+$/);
  await node.killAgent();
  const banner = page.getByRole('status').filter({ hasText: 'No new data' });
  await expect(banner).toContainText('Pod traffic is not affected');
  await expect(banner).toContainText('does not answer');
  await expect(banner).toContainText(/retrying in|retrying…/);
  await expect(page.locator('tbody.stale')).toBeVisible();
  await node.startAgent();
  await banner.getByRole('button', { name: 'Retry now' }).click();
  await expect(banner).toBeHidden();
  await expect(page.locator('tbody.stale')).toBeHidden();
  await expect(ingressPackets(page, 'pricing')).toHaveText(/^[3-6]\d$/);
});
