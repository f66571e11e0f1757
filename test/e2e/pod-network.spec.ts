import { spawn } from 'node:child_process';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, bareTest as test } from './fixtures/index.ts';

const podPage = '/pods/shop.payroll';
let traffic: ReturnType<typeof spawn> | undefined;

test.beforeAll(async ({ node }) => {
  const payroll = await node.addPod('payroll', ['10.99.8.1/32', '10.99.9.1/32', 'fd00:99::1/128'], {
    routes: [{ destination: 'fd00:77::/64', metric: 512 }],
  });
  await node.addPod('finder', ['10.99.8.2/32', 'fd00:99::2/128']);
  const ping = ['ping', '-6', '-q', '-i', '0.02', 'fd00:99::2'];
  traffic = spawn('nsenter', [`--net=${payroll.path}`, ...ping], { stdio: 'ignore' });
});
test.afterAll(() => void traffic?.kill());

test.beforeEach(async ({ page, node }) => {
  await page.goto(await node.gateway.newLink());
});

const violations = async (page: Page) =>
  (await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze())
    .violations;
const line = (page: Page, start: string) =>
  page
    .getByRole('figure', { name: /^Network path of/ })
    .getByRole('listitem')
    .filter({ hasText: start });

test('the path shows redirected and routed packets by their counters, and if redirect is off', async ({
  page,
}) => {
  await page.goto(podPage);
  await expect(line(page, 'Same-node redirect: on')).toContainText(
    /[1-9]\d* ?\u202f?pps redirected to other pods.*[1-9]\d*\u202f?pps redirected to this pod/,
  );
  const drawn = (flow: string) => page.locator(`[data-flow="${flow}"] path[stroke-width]`);
  await expect(drawn('redirect-egress')).toHaveCount(2);
  await expect(drawn('redirect-ingress')).toHaveCount(2);
  await expect(drawn('pods-egress')).toHaveCount(0);

  const choose = (redirect: boolean) =>
    page.evaluate(
      (body) =>
        fetch('/api/v1/node/settings', {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }).then(({ status }) => status),
      { redirect },
    );
  expect(await choose(false)).toBe(200);
  await expect(page.locator('[data-redirect=off]')).toContainText('Redirect off');
  await expect(drawn('redirect-egress')).toHaveCount(0);
  await expect(drawn('pods-egress')).toHaveCount(2);
  await expect(line(page, 'Same-node redirect: off')).toContainText(/0\u202f?pps redirected to other/);
  expect(await choose(true)).toBe(200);
  await expect(drawn('redirect-egress')).toHaveCount(2);

  const own = page.getByRole('combobox', { name: 'Redirect what this pod sends' });
  await own.selectOption('off');
  await expect(line(page, 'Same-node redirect: off, by the pod’s setting')).toBeAttached();
  await expect(page.locator('[data-redirect=off]')).toContainText('for this pod');
  await own.selectOption('as the node');
  await expect(line(page, 'Same-node redirect: on, by the node’s setting')).toBeAttached();
});

test('all addresses of a pod open by keyboard, and its routes and neighbors are shown for both families', async ({
  page,
}) => {
  await page.goto(podPage);
  const more = page.getByRole('button', { name: '1 more addresses' });
  await more.focus();
  await expect(page.getByRole('button', { name: 'Copy 10.99.9.1' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Copy 10.99.8.1' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Copy 10.99.8.1' })).toBeHidden();

  const routes = page.getByRole('table', { name: 'Routes' });
  await expect(routes.getByRole('row', { name: 'pod IPv4 default 169.254.1.1' })).toHaveCount(1);
  await expect(routes.getByRole('row', { name: 'pod IPv6 default fe80::1' })).toHaveCount(1);
  await expect(routes.getByRole('row', { name: 'pod IPv6 fd00:77::/64' })).toHaveCount(1);
  const neighbors = page.getByRole('table', { name: 'Neighbors' });
  for (const address of ['10.99.8.1', '10.99.9.1', 'fd00:99::1'])
    await expect(neighbors.getByRole('row').filter({ hasText: address })).toContainText('PERMANENT');
});

test('a veth pod explains why its programs cannot move, and events are listed', async ({ page }) => {
  await page.goto(podPage);
  const programs = page.getByRole('region', { name: 'Programs', exact: true });
  await expect(programs).toContainText('on the primary: a veth device has no other hooks');
  await expect(programs.getByRole('button', { name: /^Move programs/ })).toHaveCount(0);
  await expect(page.getByRole('region', { name: 'Events' })).toContainText('attached');
});

test('the table shows the first address and the number of others, and each of them finds the pod', async ({
  page,
}) => {
  await page.goto('/pods?q=FD00:99:0::1');
  await expect(page.getByRole('rowheader')).toHaveText(['payroll']);
  await expect(page.getByRole('row').filter({ hasText: 'payroll' })).toContainText('10.99.8.1+2');
});

for (const colorScheme of ['dark', 'light'] as const)
  test(`the page of a dual-stack pod conforms to WCAG 2 A and AA and fits a phone, ${colorScheme}`, async ({
    page,
  }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto(podPage);
    await expect(page.locator('[data-redirect=on]')).toBeVisible();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 390, height: 844 });
    await expect(page.locator('[data-redirect=on]')).toBeVisible();
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

test('all settings of both interfaces are read from the kernel when they are opened, and can be filtered', async ({
  page,
}) => {
  await page.goto(podPage);
  await page.getByText('All settings of both interfaces').click();
  const region = page.getByRole('region', { name: 'All settings of both interfaces' });
  await expect(region.getByRole('row', { name: 'pod address 10.99.8.1/32' })).toHaveCount(1);
  await expect(
    region.getByRole('row', { name: /^host sysctl net\.ipv4\.conf\.pl\d+\.rp_filter = 0$/ }),
  ).toHaveCount(1);
  await page.getByRole('textbox', { name: 'Filter settings' }).fill('address 10.99.8.1');
  await expect(region.getByRole('row')).toHaveCount(2);
  await expect(page.getByText(/^1 of \d+ settings$/)).toBeVisible();
  await page.getByRole('textbox', { name: 'Filter settings' }).fill('no such setting');
  await expect(region.getByText('No setting matches the filter.')).toBeVisible();
  expect(await violations(page)).toEqual([]);
});
