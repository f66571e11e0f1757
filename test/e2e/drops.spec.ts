import { AxeBuilder } from '@axe-core/playwright';
import { expect, bareTest as test } from './fixtures/index.ts';

test('the pod page shows drops by Podlane’s programs and by the kernel, by reason and live', async ({
  node,
  page,
}) => {
  const quiet = await node.addPod('quiet', '10.42.7.1/32');
  const losing = await node.addPod('losing', '10.42.7.2/32');
  await page.goto(await node.gateway.newLink());
  await page.goto('/pods/shop.losing');
  const drops = page.getByRole('region', { name: 'Drop reasons' });
  await expect(drops).toContainText('since');

  quiet.run('bash', '--norc', '-c', 'for i in $(seq 5); do echo x >/dev/udp/10.42.7.2/9; done');
  await expect(drops.getByRole('row', { name: /^NO_SOCKET kernel .* 5 / })).toBeVisible();
  losing.run(
    'bash',
    '-c',
    'ip address add 192.0.2.9 dev lo; ping -c 3 -i 0.01 -W 1 -I 192.0.2.9 10.42.7.1; true',
  );
  await expect(drops.getByRole('row', { name: /^spoofed_source ours, out .* 3 / })).toBeVisible();
  await expect(drops.getByRole('row', { name: /^TC_INGRESS kernel .* 3 / })).toBeVisible();
  const { violations } = await new AxeBuilder({ page })
    .include('section[aria-labelledby=drop-reasons]')
    .analyze();
  expect(violations).toEqual([]);

  await page.goto('/pods/shop.quiet');
  await expect(drops.getByRole('row', { name: /NO_SOCKET/ })).toHaveCount(0);
});
