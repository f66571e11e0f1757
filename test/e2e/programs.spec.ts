import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { anotherBuild, exampleObject, objectRefusedByVerifier, SigningKey } from '../testbed/builds.ts';
import { expect, bareTest as test } from './fixtures/index.ts';

let traffic: ChildProcess | undefined;

test.beforeEach(async ({ node, page }) => {
  await page.goto(await node.gateway.newLink());
});

test.afterEach(() => {
  traffic?.kill();
});

async function expectAccessible(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme });
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}

const object = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/octet-stream', buffer });

test('programs are listed with attach points and cost, and link to their instructions and maps', async ({
  node,
  page,
}) => {
  const lister = await node.addPod('lister', '10.42.12.1/32');
  await node.addPod('listed', '10.42.12.2/32');
  const ping = ['ping', '-q', '-i', '0.02', '10.42.12.2'];
  traffic = spawn('nsenter', [`--net=${lister.path}`, ...ping], { stdio: 'ignore' });
  await page.goto('/programs');
  const table = page.getByRole('table', { name: 'Programs' });
  const own = table.getByRole('row', { name: /from_pod_tcx sched_cls Podlane datapath tcx\/ingress/ });
  await expect(own).toBeVisible();
  await expect(
    table.getByRole('row', { name: /count_drop tracing Podlane .* kfree_skb/ }).first(),
  ).toBeVisible();
  await expect(page.getByText('Run stats are enabled while this page is open.')).toBeVisible();
  await expectAccessible(page, 'light');

  await page.getByRole('button', { name: /^Podlane/ }).click();
  await page.keyboard.press('/');
  await page.keyboard.type('from_pod_tcx');
  await expect(page).toHaveURL(/\?q=from_pod_tcx&owner=podlane$/);
  await expect(table.getByRole('row')).toHaveCount(2);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'from_pod_tcx', level: 1 })).toBeVisible();
  await expect(page.getByText(/^[1-9]\d*\s*\/s$/)).toBeVisible();
  const places = page.getByRole('region', { name: 'Attached at' });
  await expect(places.getByRole('row', { name: /tcx\/ingress pl\d+ \d+ host 1 of 1/ }).first()).toBeVisible();
  const code = page.getByRole('region', { name: 'Instructions', exact: true });
  await expect(code).toContainText('datapath.bpf.c:');
  await expect(code).toContainText(/r\d = /);
  await expectAccessible(page, 'dark');

  await page.getByRole('region', { name: 'Maps' }).getByRole('link', { name: 'slots' }).click();
  await expect(page.getByRole('heading', { name: 'slots', level: 1 })).toBeVisible();
  await page.getByLabel('Hide zero values').check();
  const entries = page.getByRole('table', { name: 'Entries' });
  await expect(entries.getByRole('row').nth(1)).toContainText('flags:');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Entry' });
  await expect(sheet.getByRole('region', { name: 'Value' })).toContainText('owner');
  await expect(sheet.getByRole('button', { name: 'Edit' })).toBeVisible();
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await page.keyboard.press('Escape');
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export as JSON' }).click();
  const exported = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(exported.entries.length).toBeGreaterThan(2);

  await page.getByRole('navigation', { name: 'eBPF' }).getByRole('link', { name: 'Links' }).click();
  const link = page
    .getByRole('table', { name: 'Links' })
    .getByRole('row', { name: /to_pod_tcx .* tcx_egress pl\d+ \d+ host Podlane datapath/ });
  await expect(link.first()).toBeVisible();
});

test('a signed build is verified, activated and rolled back', async ({ node, page }) => {
  const key = new SigningKey(node.trust, 'pages');
  const sign = (image: Buffer) => Buffer.from(key.sign(image).toString('base64'));
  const add = async (image: Buffer) => {
    await page.getByLabel('Object').setInputFiles(object('datapath.bpf.o', image));
    await page.getByLabel('Signature').setInputFiles(object('datapath.bpf.o.sig', sign(image)));
    await page.getByRole('button', { name: 'Add', exact: true }).click();
  };
  await page.goto('/programs/builds');
  await expect(page.getByRole('region', { name: 'Trusted keys' })).toContainText('pages');
  await add(objectRefusedByVerifier());
  await expect(page.getByRole('region', { name: 'Add build' }).getByRole('alert')).toContainText(
    'The verifier rejected a program',
  );
  const output = page.getByRole('region', { name: 'Verifier output' });
  await expect(output).toContainText('R9 !read_ok');
  await expect(output).toContainText('0: r0 = r9');

  await add(anotherBuild('of the pages'));
  const builds = page.getByRole('table', { name: 'Builds' });
  const added = builds.getByRole('row', { name: /pages/ });
  await added.getByRole('button', { name: 'Activate…' }).click();
  const plan = page.getByRole('dialog');
  await expect(plan).toContainText('Every packet runs either the old or the new program.');
  await plan.getByRole('button', { name: 'Activate', exact: true }).click();
  await expect(
    plan.getByRole('status').filter({ hasText: /replaced on (\d+) of \1 hooks in/ }),
  ).toBeVisible();
  await plan.getByRole('button', { name: 'Close' }).last().click();
  await expect(added).toContainText('running');
  await expectAccessible(page, 'light');
  await page.getByRole('button', { name: /^Roll back to/ }).click();
  await plan.getByRole('button', { name: 'Activate', exact: true }).click();
  await plan.getByRole('button', { name: 'Close' }).last().click();
  await expect(builds.getByRole('row', { name: /bundled/ })).toContainText('running');
});

test('a user program is attached to a pod beside Podlane’s and detached; a lesser role sees why it cannot', async ({
  node,
  page,
}) => {
  await node.addPod('guest', '10.42.12.3/32');
  await page.goto('/pods/shop.guest');
  const users = page.getByRole('region', { name: 'Custom programs' });
  await users.getByRole('button', { name: 'Attach a program…' }).click();
  const sheet = page.getByRole('dialog', { name: 'Attach a program' });
  await sheet.getByLabel('Object file').setInputFiles(object('ports.bpf.o', readFileSync(exampleObject)));
  await sheet.getByLabel('Section or program').fill('nothing');
  await sheet.getByRole('button', { name: 'Attach', exact: true }).click();
  await expect(sheet.getByRole('alert')).toContainText('count_ports');
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await sheet.getByLabel('Section or program').fill('count_ports');
  await sheet.getByLabel('Name').fill('port counter');
  await sheet.getByRole('button', { name: 'Attach', exact: true }).click();
  await expect(users).toContainText('before Podlane’s, runs first');
  await expect(page.getByRole('region', { name: 'Programs', exact: true })).toContainText('count_ports');

  await users.getByRole('button', { name: 'Detach…' }).click();
  await users.getByRole('button', { name: 'Detach', exact: true }).click();
  await expect(users).toContainText('None.');

  await page.context().clearCookies();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(await node.gateway.newLink('viewer'));
  await page.goto('/pods/shop.guest');
  await expect(users).toContainText('Requires role admin; this session has role viewer.');
  await expect(users.getByRole('button', { name: 'Attach a program…' })).toBeDisabled();
  await page.getByRole('button', { name: 'Menu, current page: Pods' }).click();
  await page.getByRole('menuitem', { name: 'Programs' }).click();
  await expect(page.getByRole('checkbox', { name: 'Keep run stats enabled' })).toBeDisabled();
  await page.getByRole('button', { name: /role viewer/ }).click();
  await expect(page.getByRole('dialog')).toContainText('reads everything, changes nothing');
});
