import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, bareTest as test } from './fixtures/index.ts';

const axe = async (page: Page): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  }
};

test('the preflight says which pods can be on netkit, why not, and what to do', async ({ node, page }) => {
  const cart = await node.addPod('cart', '10.42.11.1/32');
  await node.addPod('web', ['10.42.11.2/32', 'fd00:11::2/128'], { labels: { app: 'web' } });
  await node.addPod('db', '10.42.11.3/32', { labels: { app: 'db' } });
  cart.run('ip', 'link', 'add', 'link', 'eth0', 'name', 'mv0', 'type', 'macvlan', 'mode', 'bridge');
  await page.goto(await node.gateway.newLink());

  await test.step('the navigation leads there; each reason is listed once', async () => {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Preflight' }).click();
    await expect(page).toHaveURL('/preflight');
    await expect(page.getByRole('heading', { name: 'Preflight', exact: true })).toBeVisible();
    const table = page.getByRole('table', { name: 'Pods' });
    for (const name of ['cart', 'web', 'db'])
      await expect(table.getByRole('row', { name: new RegExp(`shop\\.${name}`) })).toBeVisible();
    const reasons = page.getByRole('region', { name: 'Reasons' });
    await expect(reasons.getByRole('heading', { name: 'Interfaces are on top of the device' })).toHaveCount(
      1,
    );
    await expect(reasons).toContainText('macvlan mv0');
    await expect(reasons).toContainText('the kernel would delete them with the old device');
    await expect(page.getByRole('region', { name: 'What no preflight looks at' })).toBeVisible();
    await axe(page);
  });

  await test.step('a reason filters the pods, and the filter is in the URL', async () => {
    await page
      .getByRole('button', { name: /Show only the 1 pod with child_interface|1 pod/ })
      .first()
      .click();
    await expect(page).toHaveURL(/reason=child_interface/);
    const table = page.getByRole('table', { name: 'Pods' });
    await expect(table.getByRole('row', { name: /shop\.cart/ })).toBeVisible();
    await expect(table.getByRole('row', { name: /shop\.web/ })).toHaveCount(0);
    await page.reload();
    await expect(table.getByRole('row', { name: /shop\.cart/ })).toBeVisible();
    await expect(table.getByRole('row', { name: /shop\.web/ })).toHaveCount(0);
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await expect(table.getByRole('row', { name: /shop\.web/ })).toBeVisible();
  });

  await test.step('the keyboard filters, opens a pod and closes it', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('macvlan');
    await expect(page).toHaveURL(/q=macvlan/);
    await page.getByRole('heading', { name: 'Reasons' }).click();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const sheet = page.getByRole('dialog', { name: 'Preflight of shop.cart' });
    await expect(sheet.getByRole('list', { name: 'Looked at' })).toContainText('Interfaces on top');
    await expect(sheet.getByRole('list', { name: 'Looked at' })).toContainText('passed');
    await expect(page).toHaveURL(/pod=shop\.cart/);
    await axe(page);
    await page.keyboard.press('Escape');
    await expect(sheet).toBeHidden();
    await page.keyboard.press('Escape');
    await expect(page).toHaveURL('/preflight');
  });

  await test.step('a filter that matches nothing says so', async () => {
    await page.getByLabel('Filter pods').fill('nothing has this');
    await expect(page.getByRole('heading', { name: 'No pod matches' })).toBeVisible();
    await page.getByRole('button', { name: 'Clear filter' }).first().click();
  });

  await test.step('the command does the same', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page
      .getByRole('banner')
      .or(page.locator('header'))
      .getByRole('button', { name: 'Copy the command' })
      .first()
      .click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('podlane preflight');
    await page.goto('/preflight?selector=app=web');
    await expect(page.getByText('Only pods with the labels app=web')).toBeVisible();
    await expect(page.getByText("podlane preflight --selector 'app=web'")).toBeVisible();
    await expect(
      page.getByRole('table', { name: 'Pods' }).getByRole('row', { name: /shop\.db/ }),
    ).toHaveCount(0);
    await page.getByRole('button', { name: 'Show all pods' }).click();
    await expect(
      page.getByRole('table', { name: 'Pods' }).getByRole('row', { name: /shop\.db/ }),
    ).toBeVisible();
  });

  await test.step('what is mended is gone when it is looked at again', async () => {
    cart.run('ip', 'link', 'delete', 'mv0');
    await page.getByRole('button', { name: 'Look again' }).click();
    await expect(page.getByRole('region', { name: 'Reasons' })).not.toContainText('mv0');
  });
});

test('pods that are selected and the page of a pod lead to their preflight', async ({ node, page }) => {
  await node.addPod('left', '10.42.12.1/32');
  await node.addPod('right', '10.42.12.2/32');
  await page.goto(await node.gateway.newLink());
  await page.goto('/pods');
  for (const name of ['left', 'right']) await page.getByRole('checkbox', { name: `Select ${name}` }).check();
  await page.getByRole('region', { name: 'Selection' }).getByRole('link', { name: 'Preflight' }).click();
  await expect(page).toHaveURL('/preflight?pods=shop.left,shop.right');
  await expect(page.getByText('Only 2 pods selected')).toBeVisible();
  await expect(page.getByText('podlane preflight shop.left shop.right')).toBeVisible();

  await page.goto('/pods/shop.left');
  await page.getByRole('main').getByRole('link', { name: 'Preflight' }).click();
  const sheet = page.getByRole('dialog', { name: 'Preflight of shop.left' });
  await expect(sheet.getByRole('list', { name: 'Looked at' })).toBeVisible();
  await sheet.getByRole('link', { name: 'Open pod' }).click();
  await expect(page).toHaveURL('/pods/shop.left');
});

test('a pod that is not there, and an agent that does not answer, are named', async ({ node, page }) => {
  await page.goto(await node.gateway.newLink());
  await page.goto('/preflight?pods=shop.nobody');
  const problem = page.getByRole('main').getByRole('alert');
  await expect(problem).toContainText('shop.nobody');
  await expect(problem).toContainText('pod_not_found');

  await page.goto('/preflight');
  await expect(page.getByRole('table', { name: 'Pods' })).toBeVisible();
  await node.killAgent();
  try {
    await page.getByRole('button', { name: 'Look again' }).click();
    // What was found stays, and is marked as old.
    await expect(page.getByText('refresh failed')).toBeVisible();
    await expect(page.getByRole('table', { name: 'Pods' })).toBeVisible();
    await page.goto('/preflight?verdict=ready');
    await expect(problem).toContainText('agent');
  } finally {
    await node.startAgent();
  }
});

for (const width of [390, 1024, 2560])
  test(`nothing overflows at ${width} px`, async ({ node, page }) => {
    await node.addPod(`wide-${width}`, `10.42.13.${width % 200}/32`);
    await page.setViewportSize({ width, height: 900 });
    await page.goto(await node.gateway.newLink());
    await page.goto('/preflight');
    await expect(page.getByRole('table', { name: 'Pods' })).toBeVisible();
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page
      .getByRole('table', { name: 'Pods' })
      .getByRole('button', { name: /shop\.wide/ })
      .first()
      .click();
    await expect(page.getByRole('dialog').getByRole('list', { name: 'Looked at' })).toBeVisible();
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await axe(page);
  });
