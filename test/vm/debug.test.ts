import { expect, test } from 'vitest';
import { takeDumpOf, unpack, wrongFiles } from '../rig/dump.ts';
import { rigNode } from '../rig/node.ts';

test('the archive of a netkit pod tells its device, its hooks and its statistics', async () => {
  await using node = await rigNode();
  const pod = await node.addPod('cart', '10.42.0.33/32', 'netkit');
  const { dump, archive } = await takeDumpOf(node);
  expect(dump).toMatchObject({ state: 'done' });
  using taken = unpack(archive);
  expect(wrongFiles(taken)).toEqual([]);
  // biome-ignore lint/suspicious/noExplicitAny: as iproute2 prints it
  const link = taken.json('host/ip/links.json').find(({ ifindex }: any) => ifindex === pod.primary.ifindex);
  expect(link.linkinfo).toMatchObject({
    info_kind: 'netkit',
    info_data: { type: 'primary', peer_policy: 'blackhole' },
  });
  // biome-ignore lint/suspicious/noExplicitAny: as our own reading tells it
  const ours = taken.json('host/ours/links.json').find(({ ifindex }: any) => ifindex === pod.primary.ifindex);
  expect(ours).toMatchObject({ kind: 'netkit', netkit: { primary: true, peerPolicy: 'blackhole' } });
  const net = taken.read('bpf/bpftool/net.json').toString();
  expect(net).toMatch(/netkit\/peer/);
  expect(net).toMatch(/netkit\/primary/);
  // Its driver has none.
  expect(taken.json('host/ours/ethtool.json')).toMatchObject({ [pod.primary.name]: null });
  expect(taken.json('pods/shop.cart/ip/link-statistics.json').length).toBe(2);
});
