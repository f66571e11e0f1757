import { expect, test } from './fixtures/index.ts';

test.use({ labArgs: ['--native', '--kind', 'veth'] });

test('where the kernel has no netkit the lab runs on veth, and the page explains why promotion is unavailable', async ({
  page,
  lab,
}) => {
  const { capabilities } = await (await page.request.get('/api/v1/node')).json();
  const netkit = capabilities.find(({ name }: { name: string }) => name === 'netkit');
  await page.goto('/pods');
  await page.getByRole('link', { name: /^cart-/ }).click();
  const promote = page.getByRole('button', { name: 'Promote to netkit' });
  if (netkit.available) await expect(promote).toBeEnabled();
  else {
    await expect(promote).toBeDisabled();
    await expect(promote).toHaveAccessibleDescription(/^No netkit on this node: /);
    await expect(page.getByText(netkit.detail)).toBeVisible();
  }
  const { cart } = await lab.traffic();
  expect(cart).toMatchObject({ failed: 0, reconnects: 0 });
});
