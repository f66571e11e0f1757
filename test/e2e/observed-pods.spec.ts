import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import AxeBuilder from '@axe-core/playwright';
import { test as base, type Page } from '@playwright/test';
import { expect } from './fixtures/index.ts';
import { makeNetns, type Netns } from './fixtures/netns.ts';
import { startNode, type TestNode } from './fixtures/node.ts';

/** A node that observes, with one pod of its own and one that others made, on a bridge. */
const test = base.extend<object, { observing: { node: TestNode; web: Netns; id: string; name: string } }>({
  observing: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use) => {
      await using node = await startNode({ observe: 'programs' });
      await node.addPod('ledger', '10.99.8.1/32');
      using web = makeNetns('web');
      const name = web.path.replace('/run/netns/', '');
      const { host } = node;
      host.run('ip', 'link', 'add', 'docker9', 'type', 'bridge');
      host.run('ip', 'address', 'add', '172.29.0.1/16', 'dev', 'docker9');
      host.run('ip', 'link', 'set', 'docker9', 'up');
      host.run('ip', 'link', 'add', 'vweb', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      host.run('ip', 'link', 'set', 'vweb', 'master', 'docker9', 'up');
      web.run('ip', 'address', 'add', '172.29.0.2/16', 'dev', 'eth0');
      web.run('ip', 'link', 'set', 'eth0', 'up');
      web.run('ip', 'route', 'add', 'default', 'via', '172.29.0.1');
      const rules = [
        'add table ip nat',
        'add chain ip nat post { type nat hook postrouting priority 100; }',
        'add rule ip nat post ip saddr 172.29.0.0/16 oifname != "docker9" masquerade',
        'add chain ip nat pre { type nat hook prerouting priority -100; }',
        'add rule ip nat pre tcp dport 8080 dnat to 172.29.0.2:80',
      ];
      host.run('nft', rules.join('; '));
      const ping = ['ping', '-q', '-i', '0.02', '172.29.0.2'];
      const traffic = spawn('nsenter', [`--net=${host.path}`, ...ping], { stdio: 'ignore' });
      await use({ node, web, id: `ns-${statSync(web.path).ino}`, name });
      traffic.kill();
    },
    { scope: 'worker', timeout: 240_000 },
  ],
  baseURL: ({ observing }, use) => use(observing.node.url),
});

const row = (page: Page, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
const show = (page: Page, name: string) =>
  page.getByRole('group', { name: 'Whose pods' }).getByRole('button', { name: new RegExp(`^${name}`) });

test.beforeEach(async ({ page, observing: { node } }) => {
  await page.goto(await node.gateway.newLink());
  await expect(row(page, 'ledger')).toBeVisible();
});

test('the list shows Podlane’s own pods, those of others, or all, and marks the latter in words', async ({
  page,
  observing: { name },
}) => {
  await expect(row(page, name)).toBeHidden();
  await show(page, 'observed').click();
  await expect(row(page, 'ledger')).toBeHidden();
  await expect(row(page, name)).toContainText('observed');
  await expect(row(page, name)).toContainText('172.29.0.2');
  await expect(page).toHaveURL(/show=observed/);
  // Pings, each way.
  await expect(row(page, name).getByRole('cell').nth(4)).toHaveText(/^[3-6]\d$/);
  await show(page, 'all').click();
  await expect(row(page, 'ledger')).toBeVisible();
  await expect(row(page, 'ledger').getByRole('checkbox')).toBeVisible();
  await expect(row(page, name).getByRole('checkbox')).toHaveCount(0);
  await page.getByRole('textbox', { name: 'Filter pods' }).fill('docker9');
  await expect(row(page, 'ledger')).toBeHidden();
  await expect(row(page, name)).toBeVisible();
});

test('a pod’s page shows its rates, interface, path and identity', async ({
  page,
  observing: { id, name },
}) => {
  await show(page, 'observed').click();
  await page.getByRole('link', { name }).click();
  await expect(page).toHaveURL(new RegExp(`/pods/observed/${id}$`));
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  const rates = page.getByRole('region', { name: 'Live rates' });
  await expect(rates).toContainText(/[3-6]\d\s*pps/);
  const interfaces = page.getByRole('region', { name: 'Interfaces' });
  await expect(interfaces.getByRole('region', { name: 'eth0' })).toContainText('vweb on docker9');
  await expect(interfaces).toContainText('programs');
  await expect(interfaces).toContainText('observe_egress');
  const path = page.getByRole('region', { name: 'Path' });
  await expect(path).toContainText('bridge docker9');
  await expect(path).toContainText('published 8080/tcp to 80');
  await expect(path).toContainText('masquerade 172.29.0.0/16, not to docker9');
  const identity = page.getByRole('region', { name: 'Identity' });
  await expect(identity).toContainText('ip netns');
  await expect(identity).toContainText(`/run/netns/${name}`);
  await expect(page.getByRole('region', { name: 'Drops by the kernel' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Routes and neighbors' })).toContainText(
    'default via 172.29.0.1',
  );

  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 844 });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  }
});

test('a pod that is not there has a way back, and settings list the runtimes', async ({
  page,
  observing: { name },
}) => {
  await page.goto('/pods/observed/ns-1');
  await expect(page.getByText('No such observed pod')).toBeVisible();
  await page.getByRole('link', { name: 'Observed pods of this node' }).click();
  await expect(row(page, name)).toBeVisible();

  await page.goto('/settings');
  await expect(page.getByRole('region', { name: 'Container runtimes' })).toContainText(
    'Pods of others are observed',
  );
});

test('a pod that ends leaves the list, and its open page says so', async ({ page, observing: { node } }) => {
  const { host } = node;
  const short = makeNetns('short');
  const name = short.path.replace('/run/netns/', '');
  const id = `ns-${statSync(short.path).ino}`;
  host.run('ip', 'link', 'add', 'vshort', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await show(page, 'observed').click();
  await expect(row(page, name)).toBeVisible();
  await page.goto(`/pods/observed/${id}`);
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  short[Symbol.dispose]();
  await expect(page.getByText('Its network namespace has ended')).toBeVisible();
  await page.goto('/pods?show=observed');
  await expect(row(page, name)).toBeHidden();
});
