import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { guardConnections } from '../../../server/datapath/migration/keep-masqueraded-connections.ts';
import { listMasqueradedConnections } from '../../../server/datapath/migration/list-masqueraded-connections.ts';
import { recreateMasqueradedConnections } from '../../../server/datapath/migration/recreate-masqueraded-connections.ts';
import { listConntrackEntries } from '../../../server/netlink/conntrack.ts';
import { conntrackStatus } from '../../../server/netlink/conntrack-attributes.ts';
import { type ConntrackEntry, formatConntrackEntry } from '../../../server/netlink/conntrack-entry.ts';
import {
  buildCreateEntryRequest,
  buildDeleteEntryRequest,
} from '../../../server/netlink/conntrack-request.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { startTestTraffic } from '../../testbed/masqueraded-traffic.ts';
import { ping } from '../../testbed/node.ts';
import {
  addresses,
  type Family,
  MasqueradeFixture,
  nft,
  nodePort,
  podAddresses,
  readAssured,
  readTranslated,
  type Side,
} from './masquerade-fixture.ts';

const startTraffic = (
  fixture: MasqueradeFixture,
  side: Side,
  family: Family,
  load: { tcp: number; udp: number; intervalMs?: number } = { tcp: 1, udp: 1 },
) =>
  startTestTraffic({
    from: side === 'host' ? fixture.outside.name : fixture.nested.name,
    to: side === 'host' ? fixture.pod.name : fixture.outside.name,
    serverPort: 80,
    address: addresses[family][side === 'host' ? 'host' : 'outside'],
    port: side === 'host' ? nodePort : 80,
    ...load,
  });

const all = { ended: 0, intruders: [], reduced: [], failed: [], remaining: 0, unreadable: null };

describe.each<Side>(['host', 'pod'])(
  'connections with a translated source, in the namespace of the %s',
  (side) => {
    describe.each<Family>(['ipv4', 'ipv6'])('%s', (family) => {
      test.each(['masquerade', 'masquerade fully-random', 'snat'])(
        '%s: live on over another device once re-created, with the same entries',
        async (nat) => {
          using fixture = new MasqueradeFixture();
          const namespace = fixture.namespaceOf(side);
          fixture.translate(side, nat);
          using traffic = await startTraffic(fixture, side, family);
          const before = await readAssured(namespace, 2);
          expect(before.every((text) => text.includes('mark 77 labels 20'))).toBe(true);
          const result = await recreateMasqueradedConnections(namespace.fd, podAddresses, side, {
            withGuard: guardConnections,
          });
          expect(result).toEqual({ ...all, recreated: 2 });
          fixture.moveRoutes();
          await traffic.carries();
          fixture.deleteFirstDevice();
          await traffic.carries();
          expect(await readTranslated(namespace)).toEqual(before);
        },
      );
    });
  },
);

// With a plain `masquerade` the connection may survive, if its new entry happens to get the port of the old one.
test.each<Side>(['host', 'pod'])(
  'without being re-created, connections masqueraded by the %s break',
  async (side) => {
    using fixture = new MasqueradeFixture();
    fixture.translate(side, 'masquerade fully-random');
    using traffic = await startTraffic(fixture, side, 'ipv4');
    fixture.moveRoutes();
    await traffic.breaks();
  },
);

describe.each<Side>(['host', 'pod'])('connections of the %s itself, whose source stays as it is', (side) => {
  async function countLost(recreate: boolean): Promise<number> {
    using fixture = new MasqueradeFixture();
    const namespace = fixture.namespaceOf(side);
    nft(
      namespace,
      `table inet t {
        chain post { type nat hook postrouting priority 100; oifname { "pl*", "eth*" } masquerade; }
      }`,
    );
    using traffic = await startTestTraffic({
      from: namespace.name,
      to: side === 'host' ? fixture.pod.name : fixture.outside.name,
      serverPort: 80,
      address: side === 'host' ? 'fd42::2' : '10.9.0.2',
      port: 80,
      tcp: 1,
      udp: 2,
    });
    if (recreate)
      expect(await recreateMasqueradedConnections(namespace.fd, podAddresses, side)).toMatchObject({
        recreated: 3,
        failed: [],
      });
    fixture.moveRoutes();
    await traffic.carries(50);
    fixture.deleteFirstDevice();
    await traffic.carries(50);
    return await traffic.stop(); // before it is disposed of
  }

  test('lose no packet once re-created', async () => {
    expect(await countLost(true)).toBe(0);
  });

  test('lose packets if not, since the kernel drops the one that ends the entry', async () => {
    expect(await countLost(false)).toBeGreaterThanOrEqual(2);
  });
});

test('an ICMP exchange goes on', async () => {
  using fixture = new MasqueradeFixture();
  const { host } = fixture;
  fixture.translate('host', 'masquerade fully-random');
  const pings = (['ipv4', 'ipv6'] as const).map((family) =>
    ping(`/run/netns/${fixture.outside.name}`, addresses[family].host, 100, 20),
  );
  await expect.poll(() => readTranslated(host)).toHaveLength(2);
  const before = await readTranslated(host);
  const result = await recreateMasqueradedConnections(host.fd, podAddresses, 'host');
  expect(result).toMatchObject({ recreated: 2, failed: [] });
  fixture.moveRoutes();
  for (const { lost } of await Promise.all(pings)) expect(lost).toBeLessThanOrEqual(1);
  expect(await readTranslated(host)).toEqual(before);
});

test('hundreds of connections are re-created', async () => {
  using fixture = new MasqueradeFixture();
  const { host } = fixture;
  fixture.translate('host', 'masquerade fully-random');
  const load = { tcp: 150, udp: 50, intervalMs: 500 };
  using ipv4 = await startTraffic(fixture, 'host', 'ipv4', load);
  const before = await readAssured(host, 200);
  const result = await recreateMasqueradedConnections(host.fd, podAddresses, 'host', {
    withGuard: guardConnections,
  });
  expect(result).toEqual({ ...all, recreated: 200 });
  fixture.moveRoutes();
  await ipv4.carries(2);
  expect(await readTranslated(host)).toEqual(before);
});

test.each<Side>(['host', 'pod'])(
  'busy connections are re-created again and again behind the guard, in the namespace of the %s: no datagram is lost',
  async (side) => {
    using fixture = new MasqueradeFixture();
    const namespace = fixture.namespaceOf(side);
    fixture.translate(side, 'masquerade fully-random');
    using traffic = await startTraffic(fixture, side, 'ipv4', { tcp: 4, udp: 4, intervalMs: 2 });
    const before = await readAssured(namespace, 8);
    const sent = traffic.datagrams();
    for (let i = 0; i < 30; i++) {
      const result = await recreateMasqueradedConnections(namespace.fd, podAddresses, side, {
        withGuard: guardConnections,
        move: async () => {
          if (i === 15) fixture.moveRoutes();
          await sleep(20);
        },
      });
      expect(result).toEqual({ ...all, recreated: 8 });
    }
    await traffic.carries(100);
    expect(await readTranslated(namespace)).toEqual(before);
    expect(traffic.datagrams()).toBeGreaterThan(sent + 500);
    const lost = await traffic.stop();
    // What a busy machine's processes did not read in time arrived all the same.
    expect(lost - fixture.countOverflows()).toBe(0);
  },
);

test('entries are read again behind the guard: as they are then, and without those that have ended', async () => {
  using fixture = new MasqueradeFixture();
  const { host } = fixture;
  fixture.translate('host', 'masquerade');
  using _traffic = await startTraffic(fixture, 'host', 'ipv4', { tcp: 2, udp: 0, intervalMs: 500 });
  const before = await readAssured(host, 2);
  using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
  const { entries } = await listConntrackEntries(socket, { status: conntrackStatus.sourceNat });
  const [ended, changed] = entries as [ConntrackEntry, ConntrackEntry];
  const result = await recreateMasqueradedConnections(host.fd, podAddresses, 'host', {
    withGuard: async (_, listTuples, work) => {
      expect(await listTuples()).toHaveLength(4);
      await socket.request(buildDeleteEntryRequest(ended));
      await socket.request(buildDeleteEntryRequest(changed));
      await socket.request(buildCreateEntryRequest({ ...changed, timeout: 1234 }));
      await work();
    },
  });
  expect(result).toEqual({ ...all, recreated: 1, ended: 1 });
  expect(await readTranslated(host)).toEqual(
    before.filter((text) => text.startsWith(formatConntrackEntry(changed))),
  );
  const [left] = (await listConntrackEntries(socket, { status: conntrackStatus.sourceNat })).entries;
  expect(left?.timeout).toBeGreaterThan(1200);
  expect(left?.timeout).toBeLessThanOrEqual(1234);
});

test('without a guard, what takes the place of an entry is deleted', async () => {
  using fixture = new MasqueradeFixture();
  const { host } = fixture;
  fixture.translate('host', 'masquerade fully-random');
  using traffic = await startTraffic(fixture, 'host', 'ipv6', { tcp: 0, udp: 8, intervalMs: 1 });
  const before = await readAssured(host, 8);
  for (let i = 0; i < 100; i++)
    expect(await recreateMasqueradedConnections(host.fd, podAddresses, 'host')).toMatchObject({
      recreated: 8,
      reduced: [],
      failed: [],
    });
  fixture.moveRoutes();
  await traffic.carries(100);
  expect(await readAssured(host, 8)).toEqual(before);
});

test('only the pod’s connections are listed, and no more than the limit', async () => {
  using fixture = new MasqueradeFixture();
  const { host } = fixture;
  fixture.translate('host', 'masquerade');
  using _traffic = await startTraffic(fixture, 'host', 'ipv4', { tcp: 3, udp: 2 });
  const list = (pod: string[], limit?: number) => listMasqueradedConnections(host.fd, pod, 'host', limit);
  expect(await list(podAddresses)).toMatchObject({ remaining: 0, unreadable: null });
  expect((await list(podAddresses)).translated).toHaveLength(5);
  expect((await list(['10.42.0.3', '10.42.0.1'])).translated).toEqual([]);
  const limited = await list(['10.42.0.2'], 2);
  expect(limited.translated).toHaveLength(2);
  expect(limited.remaining).toBe(3);
});
