import { describe, expect, test } from 'vitest';
import { type NetworkEvent, watchNetwork } from '../../../server/netlink/monitor.ts';
import { assignNamespaceId, getNamespaceId } from '../../../server/netlink/namespace-id.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { testNamespace } from './namespaces.ts';

/** Waits until `events` holds what `wanted` accepts. */
const until = async (
  events: NetworkEvent[],
  wanted: (event: NetworkEvent) => boolean,
): Promise<NetworkEvent> => {
  for (let tries = 0; tries < 500; tries++) {
    const found = events.find(wanted);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no such event among ${JSON.stringify(events.map((event) => event.type))}`);
};

/** Whether the event has at least these fields. */
const has = (event: NetworkEvent, wanted: object): boolean =>
  expect.objectContaining(deep(wanted)).asymmetricMatch(event);
const deep = (wanted: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(wanted).map(([key, value]) => [
      key,
      typeof value === 'object' && value !== null ? expect.objectContaining(value) : value,
    ]),
  );

test('tells links, addresses and routes that come, change and go', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  using _watch = watchNetwork(['links', 'addresses', 'routes'], (event) => events.push(event), {
    namespaceFd: host.fd,
  });
  host.ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'p0');
  host.ip('link', 'set', 'd0', 'up');
  host.ip('link', 'set', 'p0', 'up');
  host.ip('address', 'add', '10.7.0.1/24', 'dev', 'd0');
  host.ip('route', 'add', '10.8.0.0/16', 'via', '10.7.0.2');
  host.ip('route', 'del', '10.8.0.0/16');
  host.ip('link', 'del', 'd0');
  await until(events, (event) => event.type === 'link' && event.deleted && event.link.name === 'd0');
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'link',
      deleted: false,
      link: expect.objectContaining({ name: 'd0', up: true, kind: 'veth' }),
    }),
  );
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'address',
      deleted: false,
      address: expect.objectContaining({ address: '10.7.0.1/24' }),
    }),
  );
  for (const deleted of [false, true])
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'route',
        deleted,
        route: expect.objectContaining({ destination: '10.8.0.0/16', gateway: '10.7.0.2' }),
      }),
    );
});

test('watches links alone, and nothing after it is closed', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  const watch = watchNetwork(['links'], (event) => events.push(event), { namespaceFd: host.fd });
  host.ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'p0');
  await until(events, (event) => event.type === 'link' && event.link.name === 'd0');
  watch.close();
  watch.close();
  const seen = events.length;
  host.ip('link', 'add', 'd1', 'type', 'veth', 'peer', 'name', 'p1');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(events).toHaveLength(seen);
});

test('says that events were lost when there were too many, and goes on each time', async () => {
  using host = testNamespace();
  const events: NetworkEvent[] = [];
  using _watch = watchNetwork(['links'], (event) => events.push(event), {
    namespaceFd: host.fd,
    queueBytes: 16_384,
  });
  for (const round of ['first', 'second']) {
    events.length = 0;
    host.batch(
      Array.from({ length: 20 }, () => ['link add d0 type veth peer name p0', 'link del d0']).flat(),
    );
    await until(events, (event) => event.type === 'resync');
    host.ip('link', 'add', round, 'type', 'veth', 'peer', 'name', `${round}-peer`);
    await until(events, (event) => event.type === 'link' && event.link.name === round);
  }
});

describe('in all namespaces', () => {
  const primary = 1_048_576;
  const peer = 1_048_577;

  test('what is done by hand inside a pod is heard from the host, with its namespace’s number', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    const events: NetworkEvent[] = [];
    await addVeth(host.socket, {
      primary: { name: 'pl0', ifindex: primary, up: true },
      peer: { name: 'eth0', ifindex: peer, netnsFd: pod.fd },
    });
    using _watch = watchNetwork(['links', 'addresses', 'routes'], (event) => events.push(event), {
      namespaceFd: host.fd,
      allNamespaces: true,
    });
    const nsid = await getNamespaceId(host.socket, pod.fd);
    expect(nsid).toEqual(expect.any(Number));
    pod.batch([
      'link set eth0 up',
      'link set eth0 mtu 1300',
      'address add 10.42.0.33/32 dev eth0',
      'address add fd00::33/128 dev eth0 nodad',
      'route add default via 169.254.1.1 dev eth0 onlink',
      'route add fd00:1::/64 via fe80::1 dev eth0',
    ]);
    const inside = (wanted: object) => (event: NetworkEvent) => has(event, { nsid, ...wanted });
    const addressed = (address: string, deleted: boolean) =>
      until(events, inside({ type: 'address', deleted, address: { ifindex: peer, address } }));
    // The kernel tells of an IPv6 address a little later, and not at all when it is gone by then.
    for (const address of ['10.42.0.33/32', 'fd00::33/128']) await addressed(address, false);
    pod.batch([
      'route del default',
      'route del fd00:1::/64',
      'address del 10.42.0.33/32 dev eth0',
      'address del fd00::33/128 dev eth0',
      'link del eth0',
    ]);
    await until(events, inside({ type: 'link', deleted: false, link: { ifindex: peer, mtu: 1300 } }));
    for (const address of ['10.42.0.33/32', 'fd00::33/128']) await addressed(address, true);
    for (const destination of ['default', 'fd00:1::/64'])
      for (const deleted of [false, true])
        await until(events, inside({ type: 'route', deleted, route: { ifindex: peer, destination } }));
    await until(events, inside({ type: 'link', deleted: true, link: { ifindex: peer } }));
    // The host's own end goes in the host's namespace.
    await until(events, (event) =>
      has(event, { type: 'link', deleted: true, nsid: null, link: { ifindex: primary } }),
    );
  });

  test('a namespace without a number is not heard until it is given one', async () => {
    using host = testNamespace();
    using other = testNamespace();
    const events: NetworkEvent[] = [];
    using _watch = watchNetwork(['links'], (event) => events.push(event), {
      namespaceFd: host.fd,
      allNamespaces: true,
    });
    expect(await getNamespaceId(host.socket, other.fd)).toBeNull();
    other.ip('link', 'set', 'lo', 'up');
    const nsid = await assignNamespaceId(host.socket, other.fd);
    expect(await assignNamespaceId(host.socket, other.fd)).toBe(nsid);
    expect(await getNamespaceId(host.socket, other.fd)).toBe(nsid);
    other.ip('link', 'set', 'lo', 'mtu', '9000');
    await until(events, (event) => has(event, { nsid, link: { name: 'lo', mtu: 9000 } }));
    expect(events.filter((event) => has(event, { nsid }))).toHaveLength(1);
  });

  test('a watch of one namespace hears nothing of the others', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    const events: NetworkEvent[] = [];
    await addVeth(host.socket, {
      primary: { name: 'pl0', ifindex: primary },
      peer: { name: 'eth0', ifindex: peer, netnsFd: pod.fd },
    });
    using _watch = watchNetwork(['links'], (event) => events.push(event), { namespaceFd: host.fd });
    pod.ip('link', 'set', 'eth0', 'mtu', '1300');
    host.ip('link', 'set', 'pl0', 'mtu', '1400');
    await until(events, (event) => has(event, { link: { ifindex: primary, mtu: 1400 } }));
    expect(events.filter((event) => has(event, { link: { ifindex: peer } }))).toEqual([]);
  });

  test('lost events inside a pod are reported, and events continue after them', async () => {
    using host = testNamespace();
    using pod = testNamespace();
    const events: NetworkEvent[] = [];
    await addVeth(host.socket, {
      primary: { name: 'pl0', ifindex: primary },
      peer: { name: 'eth0', ifindex: peer, netnsFd: pod.fd },
    });
    using _watch = watchNetwork(['addresses'], (event) => events.push(event), {
      namespaceFd: host.fd,
      allNamespaces: true,
      queueBytes: 4096,
    });
    const flood = Array.from({ length: 50 }, (_, i) => `address add 10.1.0.${i}/32 dev eth0`);
    for (const [round, last] of ['10.2.0.1/32', '10.2.0.2/32'].entries()) {
      events.length = 0;
      pod.batch(round === 0 ? flood : flood.map((line) => line.replace(' add ', ' del ')));
      await until(events, (event) => event.type === 'resync');
      pod.ip('address', 'add', last, 'dev', 'eth0');
      await until(events, (event) => has(event, { type: 'address', address: { address: last } }));
    }
  });
});
