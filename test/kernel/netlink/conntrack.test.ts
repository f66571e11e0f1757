import { execFileSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { listMasqueradedConnections } from '../../../server/datapath/migration/list-masqueraded-connections.ts';
import {
  recreateEntries,
  recreateMasqueradedConnections,
} from '../../../server/datapath/migration/recreate-masqueraded-connections.ts';
import { getConntrackEntry, listConntrackEntries } from '../../../server/netlink/conntrack.ts';
import { cta } from '../../../server/netlink/conntrack-attributes.ts';
import { type ConntrackEntry, formatConntrackEntry } from '../../../server/netlink/conntrack-entry.ts';
import {
  buildCreateEntryRequest,
  buildDeleteEntryRequest,
} from '../../../server/netlink/conntrack-request.ts';
import { type ConntrackTuple, invertConntrackTuple } from '../../../server/netlink/conntrack-tuple.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { type TestNamespace, testNamespace } from './namespaces.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** Attribute in netlink's form: u16 length and type, value, padding. */
const attribute = (type: number, value: Buffer): Buffer => {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
};
const NESTED = 0x8000;
const tcpInfo = attribute(
  1 | NESTED,
  Buffer.concat([
    attribute(1, hex('03')),
    attribute(2, hex('07')),
    attribute(3, hex('08')),
    attribute(4, hex('2300')),
    attribute(5, hex('2300')),
  ]),
);
const sctpInfo = attribute(
  3 | NESTED,
  Buffer.concat([attribute(1, hex('04')), attribute(2, hex('11223344')), attribute(3, hex('55667788'))]),
);
const sequenceAdjustment = Buffer.concat([
  attribute(1, hex('00001000')),
  attribute(2, hex('00000004')),
  attribute(3, hex('00000009')),
]);

const tuple = (family: 'ipv4' | 'ipv6', protocol: number, port: number): ConntrackTuple => ({
  family,
  source: family === 'ipv4' ? '10.9.0.2' : 'fd09::2',
  destination: family === 'ipv4' ? '10.9.0.1' : 'fd09::1',
  protocol,
  ports: { source: port, destination: 80 },
  icmp: null,
  zone: null,
});

/** An entry from outside to the host, translated to the pod's port 8080 and to the host's other address. */
function translated(
  original: ConntrackTuple,
  attributes: [number, Buffer][] = [],
  status = 0x1be,
): ConntrackEntry {
  const ipv4 = original.family === 'ipv4';
  const values = new Map(attributes);
  return {
    original,
    reply: {
      ...invertConntrackTuple(original, original),
      source: ipv4 ? '10.42.0.2' : 'fd42::2',
      destination: ipv4 ? '10.42.0.1' : 'fd42::1',
      ports: original.ports && { source: 8080, destination: original.ports.source + 1000 },
      icmp: null,
    },
    status,
    timeout: 500,
    id: 0,
    mark: 0,
    zone: values.get(cta.zone)?.readUInt16BE() ?? 0,
    helper: null,
    master: null,
    attributes: values,
  };
}

/** Creates entries as given. @returns them as the kernel dumps them */
async function create({ fd }: TestNamespace, entries: ConntrackEntry[]): Promise<ConntrackEntry[]> {
  using socket = NetlinkSocket.inNamespace(fd, 'netfilter');
  expect(
    (await socket.batch(entries.map((entry) => buildCreateEntryRequest(entry)))).filter(Boolean),
  ).toEqual([]);
  return dump(fd);
}

const dump = async (fd: number): Promise<ConntrackEntry[]> => {
  using socket = NetlinkSocket.inNamespace(fd, 'netfilter');
  const { entries } = await listConntrackEntries(socket);
  return entries.sort((a, b) => (formatConntrackEntry(a) < formatConntrackEntry(b) ? -1 : 1));
};

const passing = new Set<number>([cta.id, cta.timeout, 9, 10, 11, 20]);
/** What has to stay the same: all but id, timeout, counters, uses and timestamp; TCP flags are compared by hand. */
const lasting = (entries: ConntrackEntry[]): string[][] =>
  entries.map((entry) => [
    formatConntrackEntry(entry),
    ...[...entry.attributes]
      .filter(([type]) => !passing.has(type))
      .map(([type, value]) => `${type}: ${value.toString('hex')}`)
      .sort(),
  ]);

const pod = ['10.42.0.2', 'fd42::2'];

describe('an entry of the connection table', () => {
  test('is listed as it was created, found by each of its tuples, and deleted only under its own id', async () => {
    using host = testNamespace();
    const wanted = translated(tuple('ipv4', 6, 40000), [
      [cta.protocolInfo, tcpInfo],
      [cta.mark, hex('0000004d')],
    ]);
    const [entry] = await create(host, [wanted]);
    expect(entry).toMatchObject({
      original: wanted.original,
      reply: wanted.reply,
      status: 0x1be,
      mark: 77,
      zone: 0,
      helper: null,
      master: null,
    });
    expect(formatConntrackEntry(entry!)).toBe(
      'tcp 10.9.0.2:40000 → 10.9.0.1:80 (replies from 10.42.0.2:8080 to 10.42.0.1:41000)',
    );
    using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
    for (const each of [wanted.original, wanted.reply])
      expect((await getConntrackEntry(socket, each, wanted))?.id).toBe(entry!.id);
    expect(await getConntrackEntry(socket, tuple('ipv4', 6, 40001), wanted)).toBeNull();
    await expect(
      socket.request(buildDeleteEntryRequest({ ...entry!, id: (entry!.id ^ 1) >>> 0 })),
    ).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining('delete conntrack entry tcp 10.9.0.2:40000'),
    });
    await expect(socket.request(buildCreateEntryRequest(entry!))).rejects.toMatchObject({ code: 'EEXIST' });
    await socket.request(buildDeleteEntryRequest(entry!));
    expect(await dump(host.fd)).toEqual([]);
  });

  test.each<[string, ConntrackEntry]>([
    [
      'TCP with sequence adjustment',
      translated(
        tuple('ipv4', 6, 40000),
        [
          [cta.protocolInfo, tcpInfo],
          [cta.sequenceAdjustOriginal, sequenceAdjustment],
          [cta.sequenceAdjustReply, sequenceAdjustment],
        ],
        0x1fe,
      ),
    ],
    ['TCP over IPv6', translated(tuple('ipv6', 6, 40000), [[cta.protocolInfo, tcpInfo]])],
    ['UDP in a zone', translated(tuple('ipv4', 17, 40000), [[cta.zone, hex('0007')]])],
    ['UDP with a zone of its own direction', translated({ ...tuple('ipv6', 17, 40000), zone: 9 }, [])],
    ['SCTP', translated(tuple('ipv4', 132, 40000), [[cta.protocolInfo, sctpInfo]])],
    ['a protocol without ports', translated({ ...tuple('ipv4', 50, 0), ports: null })],
    [
      'a connection with a helper',
      translated(tuple('ipv4', 6, 40000), [
        [cta.protocolInfo, tcpInfo],
        [cta.help, attribute(1, Buffer.from('ftp\0'))],
      ]),
    ],
  ])('%s stays the same when it is re-created', async (_, wanted) => {
    using host = testNamespace();
    // The zone of one direction belongs to that one alone.
    const entry = { ...wanted, reply: { ...wanted.reply, zone: null } };
    const before = await create(host, [entry]);
    expect(before).toHaveLength(1);
    for (let i = 0; i < 2; i++)
      expect(await recreateMasqueradedConnections(host.fd, pod, 'host')).toMatchObject({
        recreated: 1,
        reduced: [],
        failed: [],
      });
    expect(lasting(await dump(host.fd))).toEqual(lasting(before));
  });

  test('a connection that another one expected keeps its master, and gets a new one without', async () => {
    using host = testNamespace();
    const master = translated(tuple('ipv4', 6, 40000), [[cta.protocolInfo, tcpInfo]]);
    const [created] = await create(host, [master]);
    const masterTuple = created!.attributes.get(cta.tupleOriginal)!;
    const child = translated(tuple('ipv4', 6, 50000), [
      [cta.protocolInfo, tcpInfo],
      [cta.tupleMaster, masterTuple],
    ]);
    const before = await create(host, [child]);
    expect(before.map((entry) => [entry.status & 1, entry.master?.ports?.source])).toEqual([
      [0, undefined],
      [1, 40000],
    ]);
    const recreate = () => recreateMasqueradedConnections(host.fd, pod, 'host');
    expect(await recreate()).toMatchObject({ recreated: 2, reduced: [], failed: [] });
    expect(lasting(await dump(host.fd))).toEqual(lasting(before));
    using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
    await socket.request(buildDeleteEntryRequest((await dump(host.fd))[0]!));
    expect(await recreate()).toMatchObject({
      recreated: 1,
      reduced: [{ connection: expect.stringContaining('50000'), detail: expect.stringContaining('ENOENT') }],
      failed: [],
    });
  });
});

describe('while entries are re-created', () => {
  const result = () => ({
    recreated: 0,
    ended: 0,
    intruders: [],
    reduced: [],
    failed: [],
    remaining: 0,
    unreadable: null,
  });
  const udp = (port: number) => translated(tuple('ipv4', 17, port));

  test.each<[string, (own: ConntrackEntry) => ConntrackEntry]>([
    ['sent by the initiator', ({ original }) => translated(original)],
    ['a reply', ({ reply }) => translated(reply)],
  ])('the entry of a packet that came in between, %s, is deleted and named', async (_, intruder) => {
    using host = testNamespace();
    const wanted = {
      ...udp(40000),
      reply: { ...udp(40000).reply, ports: { source: 8080, destination: 7000 } },
    };
    const before = await create(host, [wanted]);
    using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
    const send = socket.batch.bind(socket);
    vi.spyOn(socket, 'batch').mockImplementationOnce(async (requests) => {
      const deleted = await send(requests.slice(0, 1));
      expect(await send([buildCreateEntryRequest(intruder(wanted))])).toEqual([null]);
      return [...deleted, ...(await send(requests.slice(1)))];
    });
    const found = result();
    await recreateEntries(socket, before, found);
    expect(found).toEqual({
      ...result(),
      recreated: 1,
      intruders: [
        { connection: formatConntrackEntry(wanted), detail: 'another entry took its place (1 time)' },
      ],
    });
    expect(lasting(await dump(host.fd))).toEqual(lasting(before));
  });

  test('one that has ended does not come back', async () => {
    using host = testNamespace();
    const entries = await create(host, [udp(40000), udp(50000)]);
    using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
    await socket.request(buildDeleteEntryRequest(entries[0]!));
    const found = result();
    await recreateEntries(socket, entries, found);
    expect(found).toEqual({ ...result(), recreated: 1, ended: 1 });
    expect((await dump(host.fd)).map(({ original }) => original.ports?.source)).toEqual([50000]);
  });

  test('one that has begun anew since it was listed is re-created as it is now', async () => {
    using host = testNamespace();
    const entries = await create(host, [udp(40000)]);
    using socket = NetlinkSocket.inNamespace(host.fd, 'netfilter');
    await socket.request(buildDeleteEntryRequest(entries[0]!));
    const again = udp(40000);
    await create(host, [{ ...again, reply: { ...again.reply, ports: { source: 8080, destination: 7000 } } }]);
    const before = await dump(host.fd);
    const found = result();
    await recreateEntries(socket, entries, found);
    expect(found).toEqual({ ...result(), recreated: 1 });
    expect(lasting(await dump(host.fd))).toEqual(lasting(before));
  });
});

test('thousands of entries are listed, as many as the kernel counts, and re-created', async () => {
  using host = testNamespace();
  const entries = Array.from({ length: 5000 }, (_, i) => translated(tuple('ipv4', 17, 10_000 + i)));
  const before = await create(host, entries);
  const count = execFileSync('ip', [
    'netns',
    'exec',
    host.name,
    'cat',
    '/proc/sys/net/netfilter/nf_conntrack_count',
  ]);
  expect(before).toHaveLength(Number(count));
  const started = performance.now();
  const listed = await listMasqueradedConnections(host.fd, pod, 'host');
  const readAt = performance.now();
  expect(listed.translated).toHaveLength(5000);
  expect(await recreateMasqueradedConnections(host.fd, pod, 'host')).toMatchObject({
    recreated: 5000,
    failed: [],
  });
  console.log(
    `listed in ${(readAt - started).toFixed(0)} ms, listed and re-created in ${(performance.now() - readAt).toFixed(0)} ms`,
  );
  expect(lasting(await dump(host.fd))).toEqual(lasting(before));
});
