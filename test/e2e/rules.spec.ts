import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, bareTest as test } from './fixtures/index.ts';
import type { Netns } from './fixtures/netns.ts';
import type { TestNode } from './fixtures/node.ts';
import { askApi, putRules } from './fixtures/rules.ts';

const rules = (port: number, pod = 'rules-front') => `name: e2e
defaults: { ingress: allow, egress: allow }
rules:
  - name: front
    direction: ingress
    subject: { selector: { matchLabels: { app: front } } }
    peers: [{ cidr: 10.42.8.0/24 }]
    protocol: tcp
    ports: [{ from: ${port}, to: 8095 }]
    action: allow
  - name: no-ping
    direction: ingress
    subject: { pod: shop.${pod} }
    protocol: icmp
    icmp: [{ type: 8 }]
    action: deny
`;

let pods: { front: Netns; back: Netns };
async function makePods(node: TestNode): Promise<typeof pods> {
  return {
    front: await node.addPod('rules-front', '10.42.8.1/32', { labels: { app: 'front' } }),
    back: await node.addPod('rules-back', '10.42.8.2/32'),
  };
}

const ping = (times = 3): string =>
  pods.back
    .run('bash', '--norc', '-c', `ping -c ${times} -i 0.05 -W 1 10.42.8.1 | grep -o '[0-9]* received'; true`)
    .trim();

const expectAccessible = async (page: Page, ...colorSchemes: ('light' | 'dark')[]): Promise<void> => {
  for (const colorScheme of colorSchemes) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
};

test('rules are edited with diagnostics, staged on live traffic, applied, removed and rolled back', async ({
  node,
  page,
}) => {
  pods = await makePods(node);
  await page.goto(await node.gateway.newLink());
  await page.goto('/rules');
  await page.getByRole('button', { name: 'Open this example in the editor' }).click();
  const editor = page.getByRole('textbox', { name: 'Rules as YAML' });
  const pane = page.getByRole('complementary', { name: 'Effect of the rules' });
  await expect(pane).toContainText('Checkvalid');

  await editor.fill(rules(8080).replace('icmp: [{ type: 8 }]', 'icmp: [{ type: 800 }]'));
  await expect(pane.getByRole('button', { name: /line 15.*255/ })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Apply…' })).toBeDisabled();
  await editor.fill(rules(8080));
  await expect(pane).toContainText('Checkvalid');
  await expect(pane.getByRole('heading', { name: /no-ping/ })).toContainText('1 entry');
  await expect(pane.getByRole('link', { name: 'shop.rules-front' })).toBeVisible();
  await expectAccessible(page, 'light', 'dark');

  await page.getByRole('button', { name: 'Stage', exact: true }).click();
  await expect(page.getByRole('heading', { name: /e2e evaluates live traffic/ })).toBeVisible();
  expect(ping()).toBe('3 received');
  const differences = page.getByRole('table', { name: 'Differences' });
  await expect(differences.getByRole('row', { name: /would deny no-ping shop.rules-front/ })).toBeVisible();
  await expectAccessible(page, 'dark');
  await page.getByRole('button', { name: 'Apply staged rules…' }).click();
  await page.getByRole('dialog').getByLabel('Comment').fill('no more pings');
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();

  const row = page.getByRole('row', { name: /no-ping/ });
  await expect(row).toContainText('deny');
  expect(ping()).toBe('0 received');
  await expect(row.getByRole('cell').nth(-2)).toHaveText('3');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'no-ping' });
  await expect(sheet.getByRole('row', { name: /icmp type 8( .8)? deny/ })).toBeVisible();
  expect((await new AxeBuilder({ page }).include('[role=dialog]').analyze()).violations).toEqual([]);
  await page.keyboard.press('Escape');
  await expect(sheet).toHaveCount(0);
  await page.getByRole('link', { name: /^Entries/ }).click();
  await page
    .getByRole('row', { name: /tcp 8080–8095/ })
    .getByRole('link', { name: 'front' })
    .click();
  await expect(page.getByRole('dialog', { name: 'front' })).toContainText('10.42.8.0/24');

  await page.goto('/rules/explain?source=shop.rules-back&destination=10.42.8.1&protocol=icmp&type=8');
  const result = page.getByRole('region', { name: 'ingress of shop.rules-front' });
  await expect(result).toContainText(/deny\s*by no-ping/);
  await page.getByLabel('Protocol').fill('tcp');
  await page.getByLabel('Destination port').fill('8090');
  await page.getByRole('button', { name: 'Look up', exact: true }).click();
  await expect(result).toContainText(/allow\s*by front/);

  await page.getByRole('link', { name: /^Versions/ }).click();
  await expect(page.getByRole('row', { name: /^1 active .* no more pings$/ })).toBeVisible();
  await page.getByRole('button', { name: 'Remove all rules…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove all rules' }).click();
  await expect(page.getByRole('row', { name: /^2 active .*none \(rules removed\)/ })).toBeVisible();
  expect(ping(1)).toBe('1 received');
  await page.getByRole('link', { name: '1', exact: true }).click();
  await page.getByRole('button', { name: 'Roll back to this version' }).click();
  await expect(page.getByRole('row', { name: /^3 active .*rollback to version 1/ })).toBeVisible();
  await putRules(page, null);
});

test('concurrent editors do not overwrite each other’s rules; a viewer changes nothing', async ({
  node,
  page,
}) => {
  await node.addPod('rules-own', '10.42.8.3/32');
  await page.goto(await node.gateway.newLink());
  await putRules(page, rules(8080, 'rules-own'));
  await page.goto('/rules/editor?rule=no-ping');
  const editor = page.getByRole('textbox', { name: 'Rules as YAML' });
  await expect(page.getByRole('heading', { name: /no-ping/ })).toBeVisible();
  await editor.fill(rules(8090, 'rules-own'));
  await expect(page.getByRole('button', { name: 'Apply…' })).toBeEnabled();
  expect((await askApi(page, 'PUT', '/rules', rules(8085, 'rules-own'))).status).toBe(200);
  const notice = page.getByRole('alert').filter({ hasText: 'The active rules have changed' });
  await expect(notice).toBeVisible();
  await page.getByRole('button', { name: 'Apply…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('dialog')).toContainText('Not applied');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Keep mine and overwrite' }).click();
  await page.getByRole('button', { name: 'Apply…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect((await askApi(page, 'GET', '/rules/export')).body).toBe(rules(8090, 'rules-own'));
  await putRules(page, null);
  await putRules(page, rules(8080, 'rules-own'));

  await page.context().clearCookies();
  await page.goto(await node.gateway.newLink('viewer'));
  await page.goto('/rules/editor?rule=no-ping');
  await expect(page.getByRole('button', { name: 'Apply…' })).toBeDisabled();
  await expect(page.getByText('Requires role operator')).toBeVisible();
  await expect(page.getByRole('row', { name: /icmp type 8( .8)? deny/ })).toBeVisible();
  await page.context().clearCookies();
  await page.goto(await node.gateway.newLink());
  await putRules(page, null);
});

test('before the first rules are enforced, the page says until when existing connections are learned', async ({
  node,
  page,
}) => {
  const first = await node.addPod('rules-learned', '10.42.8.21/32');
  await node.addPod('rules-peer', '10.42.8.22/32');
  await page.goto(await node.gateway.newLink());
  await page.goto('/rules');
  await putRules(page, null);
  const pinging = first.run('sh', '-c', 'ping -q -i 0.1 -w 60 10.42.8.22 >/dev/null 2>&1 & echo $!').trim();
  try {
    await page.getByRole('link', { name: /^Editor/ }).click();
    await page.getByRole('textbox', { name: 'Rules as YAML' }).fill(rules(8080, 'rules-peer'));
    await page.getByRole('button', { name: 'Apply…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await expect(dialog.getByRole('status')).toHaveText(
      /^Learning existing connections until \S+: \d+ seen\. The rules are enforced then\.$/,
    );
    await expect(dialog).toHaveCount(0);
    await expect(page.getByText(/^taken over\s*1 connection$/)).toBeVisible();
  } finally {
    process.kill(Number(pinging));
    await putRules(page, null);
  }
});
