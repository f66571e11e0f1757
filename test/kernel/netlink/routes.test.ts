import { describe, expect, test } from 'vitest';
import { addAddress } from '../../../server/netlink/address.ts';
import { formatRoute } from '../../../server/netlink/iproute2-format.ts';
import { setLink } from '../../../server/netlink/link.ts';
import {
  addRoute,
  deleteRoute,
  listRoutes,
  replaceRoute,
  toNewRoute,
} from '../../../server/netlink/route.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { device, names, outputLines, peer, primary } from './device.ts';
import { testNamespace } from './namespaces.ts';

describe('routes', () => {
  test('a pod’s and the host’s read as `ip route` prints them', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    await device(host, pod);
    await addAddress(pod.socket, peer, '10.42.0.33/32');
    await addAddress(pod.socket, peer, 'fd00::33/128');
    await replaceRoute(pod.socket, {
      destination: 'default',
      gateway: '169.254.1.1',
      ifindex: peer,
      onlink: true,
    });
    await addAddress(host.socket, primary, '10.1.0.1/24');
    await replaceRoute(host.socket, { destination: '10.42.0.33', ifindex: primary });
    await replaceRoute(host.socket, {
      destination: '10.43.0.0/16',
      ifindex: primary,
      gateway: '10.1.0.9',
      metric: 7,
    });
    await replaceRoute(host.socket, {
      destination: '10.44.0.0/16',
      ifindex: primary,
      preferredSource: '10.1.0.1',
      protocol: 4,
    });
    await replaceRoute(host.socket, {
      destination: '10.45.0.1',
      ifindex: primary,
      gateway: 'fe80::1',
      onlink: true,
    });
    await replaceRoute(host.socket, { destination: 'fd00::33', ifindex: primary });
    host.ip('route', 'add', 'blackhole', '10.9.0.0/16');
    host.ip(
      'route',
      'add',
      '10.8.0.0/16',
      'nexthop',
      'via',
      '10.1.0.2',
      'weight',
      '2',
      'nexthop',
      'via',
      '10.1.0.3',
    );
    for (const namespace of [host, pod]) {
      for (const [family, flag] of [
        ['ipv4', '-4'],
        ['ipv6', '-6'],
      ] as const) {
        const ours = (await listRoutes(namespace.socket, { family })).map((route) =>
          formatRoute(route, names),
        );
        expect(ours).toEqual(outputLines(namespace.ip(flag, 'route', 'show')));
      }
    }
    expect(await listRoutes(host.socket)).toHaveLength(
      (await listRoutes(host.socket, { family: 'ipv4' })).length +
        (await listRoutes(host.socket, { family: 'ipv6' })).length,
    );
    const all = (await listRoutes(host.socket, { table: 'all', family: 'ipv4' })).map((route) =>
      formatRoute(route, names),
    );
    expect(all).toEqual(outputLines(host.ip('-4', 'route', 'show', 'table', 'all')));
  });

  test('are replaced in one step, and kept in the table they are put in', async () => {
    using host = testNamespace();
    await addVeth(host.socket, {
      primary: { name: 'a', ifindex: 7, up: true },
      peer: { name: 'b', ifindex: 8 },
    });
    await setLink(host.socket, 8, { up: true });
    await replaceRoute(host.socket, { destination: '10.42.0.33', ifindex: 7 });
    await expect(addRoute(host.socket, { destination: '10.42.0.33', ifindex: 8 })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    await replaceRoute(host.socket, { destination: '10.42.0.33', ifindex: 8 });
    await addRoute(host.socket, { destination: '10.42.0.34', ifindex: 7, table: 1042 });
    expect(await listRoutes(host.socket, { family: 'ipv4' })).toMatchObject([
      { destination: '10.42.0.33', ifindex: 8 },
    ]);
    expect(await listRoutes(host.socket, { family: 'ipv4', ifindex: 7 })).toEqual([]);
    expect(await listRoutes(host.socket, { table: 1042 })).toMatchObject([
      { destination: '10.42.0.34', table: 1042 },
    ]);
    expect(await listRoutes(host.socket, { table: 4711 })).toEqual([]);
  });

  test('are deleted only as they are, and refusals say why', async () => {
    using host = testNamespace();
    await addVeth(host.socket, {
      primary: { name: 'a', ifindex: 7, up: true },
      peer: { name: 'b', ifindex: 8 },
    });
    await replaceRoute(host.socket, { destination: '10.42.0.33', ifindex: 7 });
    await expect(deleteRoute(host.socket, { destination: '10.42.0.33', ifindex: 8 })).rejects.toMatchObject({
      code: 'ESRCH',
    });
    await deleteRoute(host.socket, { destination: '10.42.0.33', ifindex: 7 });
    expect(await listRoutes(host.socket, { family: 'ipv4' })).toEqual([]);
    await expect(
      replaceRoute(host.socket, { destination: '10.42.0.33', gateway: '192.0.2.1', ifindex: 7 }),
    ).rejects.toMatchObject({ kernelText: 'Nexthop has invalid gateway', code: 'ENETUNREACH' });
  });
});

test('a route of any form is made again as it was, on its device or another', async () => {
  using host = testNamespace();
  for (const [name, ifindex] of [
    ['a', 7],
    ['b', 9],
  ] as const) {
    await addVeth(host.socket, {
      primary: { name, ifindex, up: true },
      peer: { name: `${name}p`, ifindex: ifindex + 1 },
    });
    await setLink(host.socket, ifindex + 1, { up: true });
  }
  await addAddress(host.socket, 7, '10.1.0.1/24');
  host.batch([
    'route add default via 169.254.1.1 dev a onlink mtu lock 1300 advmss 1200 congctl reno tos 0x10 table 7',
    'route add 10.9.0.0/16 dev a proto 186 scope 200 src 10.1.0.1 metric 7',
    'route add 10.10.0.0/16 via inet6 fe80::1 dev a',
    'route add 10.11.0.0/16 nexthop via 10.1.0.2 dev a weight 3 nexthop via 10.1.0.3 dev a onlink',
    'route add prohibit 10.12.0.0/16 metric 9',
    'route add fd00:1::/64 via fe80::1 dev a pref high mtu 1400',
    'route add fd00:2::/64 nexthop via fe80::1 dev a weight 7 nexthop via fe80::2 dev b',
    'route add blackhole fd00:3::/64',
  ]);
  const placed = async () =>
    (await listRoutes(host.socket, { table: 'all' })).filter(({ protocol }) => protocol !== 2);
  const before = await placed();
  expect(before).toHaveLength(8);
  for (const route of before) await deleteRoute(host.socket, toNewRoute(route));
  expect(await placed()).toEqual([]);
  for (const route of before) await addRoute(host.socket, toNewRoute(route));
  expect(await placed()).toEqual(before);
  const single = before.filter(({ nextHops, ifindex }) => nextHops.length === 1 && ifindex === 7);
  expect(single).toHaveLength(4);
  for (const route of single) await replaceRoute(host.socket, toNewRoute(route, 9));
  const moved = await placed();
  for (const route of single)
    expect(moved).toContainEqual({
      ...route,
      ifindex: 9,
      nextHops: [{ ...route.nextHops[0], ifindex: 9 }],
    });
  expect(moved).toHaveLength(8);
});
