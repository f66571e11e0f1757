import { expect, bareTest as test } from './fixtures/index.ts';

test('the page reports a lost agent, and recovers by itself with the same pods', async ({ node, page }) => {
  const cart = await node.addPod('cart', '10.99.0.33/32');
  const web = await node.addPod('web', '10.99.0.34/32');
  await page.goto(await node.gateway.newLink());
  await expect(page.getByRole('link', { name: 'cart' })).toBeVisible();
  const listed = async () => {
    const { items } = await (await page.request.get('/api/v1/pods')).json();
    return items.map(({ name, number }: { name: string; number: number }) => [name, number]);
  };
  const before = await listed();

  await node.killAgent();
  await expect(page.getByRole('status').filter({ hasText: 'does not answer' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'cart' })).toBeVisible();
  // The pods keep their network meanwhile.
  expect(cart.run('ping', '-c', '3', '-i', '0.1', '-W', '2', '10.99.0.34')).toContain(' 0% packet loss');

  await node.startAgent();
  await expect(page.getByRole('status').filter({ hasText: 'does not answer' })).toBeHidden();
  expect(await listed()).toEqual(before);
  expect(web.run('ping', '-c', '3', '-i', '0.1', '-W', '2', '10.99.0.33')).toContain(' 0% packet loss');
});
