import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, bareTest as test } from './fixtures/index.ts';
import { putRules } from './fixtures/rules.ts';

const rules = `name: e2e
rules:
  - name: watch
    direction: egress
    subject: { pod: shop.sender }
    protocol: udp
    ports: [{ from: 5300 }]
    action: log
  - name: no-udp
    direction: ingress
    subject: { pod: shop.receiver }
    protocol: udp
    action: deny
`;

test('verdicts arrive live with pod names, pause, are filtered through the URL and exported', async ({
  node,
  page,
}) => {
  const a = await node.addPod('sender', ['10.42.9.1/32', 'fd00:9::1/128']);
  await node.addPod('receiver', ['10.42.9.2/32', 'fd00:9::2/128']);
  const send = (address: string, port: number) =>
    a.run('bash', '--norc', '-c', `echo x >/dev/udp/${address}/${port}; true`);
  await page.goto(await node.gateway.newLink());
  await putRules(page, rules);
  await page.goto('/verdicts?pod=shop.receiver');
  await expect(page.getByRole('heading', { name: 'No verdicts match' })).toBeVisible();
  await expect(page.getByLabel('Filter by pod')).toHaveValue('shop.receiver');

  send('10.42.9.2', 5300);
  send('fd00:9::2', 53);
  const table = page.getByRole('table', { name: 'Verdicts' });
  await expect(table.getByRole('row', { name: /logged .* udp watch/ })).toBeVisible();
  await expect(
    table.getByRole('row', { name: /dropped .* sender .* receiver \[fd00:9::2\]:53 udp no-udp/ }),
  ).toBeVisible();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }

  await page.getByRole('button', { name: 'Pause' }).click();
  const before = await table.getByRole('row').count();
  send('10.42.9.2', 99);
  await expect(page.getByText('1 new', { exact: true })).toBeVisible();
  expect(await table.getByRole('row').count()).toBe(before);
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.mouse.move(5, 5);
  await expect(table.getByRole('row', { name: /:99 udp/ })).toBeVisible();

  await page.getByLabel('Filter by rule').fill('no-udp');
  await page.getByLabel('Filter by port').fill('99');
  await expect(page).toHaveURL(/pod=shop.receiver&rule=no-udp&port=99/);
  await expect(table.getByRole('row', { name: /no-udp/ })).toHaveCount(1);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export JSON Lines' }).click();
  const lines = readFileSync(await (await download).path(), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { kind: 'dropped', rule: 'no-udp', destination: { port: 99, pod: { name: 'receiver' } } },
  ]);

  await page.keyboard.press('Escape');
  // The list is loaded again without the filter: a row that is focused before that would go.
  await expect(page).toHaveURL('/verdicts');
  await expect(table.getByRole('row', { name: /udp watch/ }).first()).toBeVisible();
  await page.getByRole('heading', { name: 'Verdicts' }).click();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Verdict' });
  await expect(sheet).toContainText('shop.receiver');
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await sheet.getByRole('link', { name: 'Policy lookup' }).click();
  await expect(page.getByRole('region', { name: 'ingress of shop.receiver' })).toContainText(
    /deny\s*by no-udp/,
  );
  await putRules(page, null);
});
