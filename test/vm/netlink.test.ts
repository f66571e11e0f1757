import { expect, test } from 'vitest';
import { addAddress } from '../../server/netlink/address.ts';
import { getLink, listLinks, setLink } from '../../server/netlink/link.ts';
import { addNetkit, setNetkitPolicies } from '../../server/netlink/netkit.ts';
import { listRoutes, replaceRoute } from '../../server/netlink/route.ts';
import { testNamespace } from '../kernel/netlink/namespaces.ts';

const primary = 1_048_576;
const peer = 1_048_577;

test('a netkit l3 device across two namespaces is what `ip -d link` says it is', async () => {
  using host = testNamespace();
  using pod = testNamespace();
  await addNetkit(host.socket, {
    mode: 'l3',
    policy: { primary: 'forward', peer: 'blackhole' },
    primary: { name: 'pl0', ifindex: primary, mtu: 1400, up: true },
    peer: { name: 'eth0', ifindex: peer, mtu: 1400, netnsFd: pod.fd },
  });
  await setLink(pod.socket, peer, { up: true });
  const [shown] = host.json('link', 'show', 'pl0');
  expect(shown.linkinfo).toMatchObject({
    info_kind: 'netkit',
    info_data: { mode: 'l3', type: 'primary', policy: 'forward', peer_policy: 'blackhole' },
  });
  expect(await getLink(host.socket, { name: 'pl0' })).toMatchObject({
    ifindex: shown.ifindex,
    mtu: 1400,
    mac: null,
    kind: 'netkit',
    running: true,
    peerIfindex: peer,
    peerNamespaceId: shown.link_netnsid,
    netkit: { primary: true, mode: 'l3', policy: 'forward', peerPolicy: 'blackhole' },
  });
  expect(await getLink(pod.socket, { name: 'eth0' })).toMatchObject({
    ifindex: peer,
    mtu: 1400,
    running: true,
    netkit: { primary: false, mode: 'l3' },
  });
  expect(await listLinks(host.socket, { kind: 'netkit' })).toHaveLength(1);
});

test('a netkit l2 device has the MACs it was given, and a name while up', async () => {
  using host = testNamespace();
  const macs = ['02:50:4c:00:00:01', '02:50:4c:00:00:02'] as const;
  await addNetkit(host.socket, {
    mode: 'l2',
    primary: { name: 'nk0', ifindex: 7, mac: macs[0], up: true },
    peer: { name: 'nk1', ifindex: 8, mac: macs[1] },
  });
  await setLink(host.socket, 8, { up: true });
  await setLink(host.socket, 8, { name: 'renamed' });
  expect(await getLink(host.socket, { ifindex: 7 })).toMatchObject({ mac: macs[0], netkit: { mode: 'l2' } });
  expect(await getLink(host.socket, { ifindex: 8 })).toMatchObject({
    mac: macs[1],
    name: 'renamed',
    running: true,
  });
});

test('policies change on a running device, through the primary only', async () => {
  using host = testNamespace();
  await addNetkit(host.socket, {
    mode: 'l3',
    primary: { name: 'nk0', ifindex: 7 },
    peer: { name: 'nk1', ifindex: 8 },
  });
  await setNetkitPolicies(host.socket, 7, { primary: 'blackhole', peer: 'forward' });
  expect(host.json('link', 'show', 'nk0')[0].linkinfo.info_data).toMatchObject({
    policy: 'blackhole',
    peer_policy: 'forward',
  });
  expect((await getLink(host.socket, { ifindex: 7 }))?.netkit).toMatchObject({
    policy: 'blackhole',
    peerPolicy: 'forward',
  });
  await expect(
    setNetkitPolicies(host.socket, 8, { primary: 'forward', peer: 'forward' }),
  ).rejects.toMatchObject({
    code: 'EACCES',
    kernelText: expect.stringContaining('primary'),
  });
});

test('a taken ifindex is refused, and an address and routes go on a netkit peer', async () => {
  using host = testNamespace();
  const pair = (name: string, ifindex: number) =>
    addNetkit(host.socket, {
      mode: 'l3',
      primary: { name, ifindex },
      peer: { name: `${name}p`, ifindex: ifindex + 1 },
    });
  await pair('a', 100);
  await expect(pair('b', 100)).rejects.toMatchObject({ code: 'EEXIST' });
  for (const ifindex of [100, 101]) await setLink(host.socket, ifindex, { up: true });
  await addAddress(host.socket, 101, '10.42.0.33/32');
  await replaceRoute(host.socket, {
    destination: 'default',
    gateway: '169.254.1.1',
    ifindex: 101,
    onlink: true,
  });
  expect(await listRoutes(host.socket, { family: 'ipv4' })).toMatchObject([
    { destination: 'default', gateway: '169.254.1.1', ifindex: 101, nextHops: [{ onlink: true }] },
  ]);
});
