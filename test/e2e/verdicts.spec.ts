import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { expect, bareTest as test } from './fixtures/index.ts';
import { putRules } from './fixtures/rules.ts';

const rules = `name: e2e
rules:
  - name: watch
    direction: egress
    subject: { pod: shop.judged-a }
    protocol: udp
    ports: [{ from: 5300 }]
    action: log
  - name: no-udp
    direction: ingress
    subject: { pod: shop.judged-b }
    protocol: udp
    action: deny
`;

test('verdicts come live with names, stand still while looked at, are filtered by the address and exported', async ({
  node,
  page,
}) => {
  const a = await node.addPod('judged-a', ['10.42.9.1/32', 'fd00:9::1/128']);
  await node.addPod('judged-b', ['10.42.9.2/32', 'fd00:9::2/128']);
  const send = (address: string, port: number) =>
    a.run('bash', '-c', `echo x >/dev/udp/${address}/${port}; true`);
  await page.goto(await node.gateway.newLink());
  await putRules(page, rules);
  await page.goto('/verdicts?pod=shop.judged-b');
  await expect(page.getByRole('heading', { name: 'No verdict matches' })).toBeVisible();
  await expect(page.getByLabel('Filter by pod')).toHaveValue('shop.judged-b');

  send('10.42.9.2', 5300);
  send('fd00:9::2', 53);
  const table = page.getByRole('table', { name: 'Verdicts' });
  await expect(table.getByRole('row', { name: /logged .* udp watch/ })).toBeVisible();
  await expect(
    table.getByRole('row', { name: /dropped .* judged-a .* judged-b \[fd00:9::2\]:53 udp no-udp/ }),
  ).toBeVisible();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }

  await page.getByRole('button', { name: 'Pause' }).click();
  const before = await table.getByRole('row').count();
  send('10.42.9.2', 99);
  await expect(page.getByText('1 came meanwhile')).toBeVisible();
  expect(await table.getByRole('row').count()).toBe(before);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.mouse.move(5, 5);
  await expect(table.getByRole('row', { name: /:99 udp/ })).toBeVisible();

  await page.getByLabel('Filter by rule').fill('no-udp');
  await page.getByLabel('Filter by port').fill('99');
  await expect(page).toHaveURL(/pod=shop.judged-b&rule=no-udp&port=99/);
  await expect(table.getByRole('row', { name: /no-udp/ })).toHaveCount(1);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export JSON lines' }).click();
  const lines = readFileSync(await (await download).path(), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { kind: 'dropped', rule: 'no-udp', destination: { port: 99, pod: { name: 'judged-b' } } },
  ]);

  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Verdicts' }).click();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Verdict' });
  await expect(sheet).toContainText('shop.judged-b');
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await sheet.getByRole('link', { name: 'Explain' }).click();
  await expect(page.getByRole('region', { name: 'ingress of shop.judged-b' })).toContainText(
    /deny\s*by no-udp/,
  );
  await putRules(page, null);
});
