import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addAddress } from '../../../server/netlink/address.ts';
import { buildLinkChangeRequest, deleteLinks, getLink, listLinks } from '../../../server/netlink/link.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { addVeth } from '../../../server/netlink/veth.ts';
import { testNamespace } from './namespaces.ts';

test('a socket stays in the namespace it was opened in, and this process does not', async () => {
  const before = readlinkSync('/proc/self/ns/net');
  using pod = testNamespace();
  pod.ip('link', 'add', 'only-here', 'type', 'veth', 'peer', 'name', 'p0');
  using byPath = NetlinkSocket.inNamespace(`/run/netns/${pod.name}`);
  expect(await getLink(byPath, { name: 'only-here' })).not.toBeNull();
  using host = NetlinkSocket.open();
  expect(await getLink(host, { name: 'only-here' })).toBeNull();
  expect(readlinkSync('/proc/self/ns/net')).toBe(before);
});

test('requests made at once are answered each, in order', async () => {
  using host = testNamespace();
  const made = Array.from({ length: 30 }, (_, i) =>
    addVeth(host.socket, { primary: { name: `a${i}`, ifindex: 100 + i }, peer: { name: `b${i}` } }),
  );
  const again = addVeth(host.socket, { primary: { name: 'a7' }, peer: { name: 'c' } });
  const found = Array.from({ length: 30 }, (_, i) => getLink(host.socket, { name: `a${i}` }));
  await Promise.all(made);
  await expect(again).rejects.toMatchObject({ code: 'EEXIST' });
  expect((await Promise.all(found)).map((link) => link?.ifindex)).toEqual(made.map((_, i) => 100 + i));
});

test('a batch of thousands tells each refusal by its place', async () => {
  using host = testNamespace();
  host.ip('link', 'add', 'd0', 'index', '7', 'type', 'veth', 'peer', 'name', 'd1');
  const refusals = await host.socket.batch(
    Array.from({ length: 3000 }, (_, i) =>
      buildLinkChangeRequest(i % 1000 === 999 ? 4711 : 7, { alias: `${i}` }),
    ),
  );
  expect(refusals.flatMap((refusal, i) => (refusal ? [[i, refusal.code, refusal.operation]] : []))).toEqual(
    [999, 1999, 2999].map((i) => [i, 'ENODEV', `set link ifindex 4711 alias ${i}`]),
  );
  expect(await getLink(host.socket, { ifindex: 7 })).toMatchObject({ alias: '2998' });
});

test('a request that cannot be written rejects and leaves the socket as it was', async () => {
  using host = testNamespace();
  await expect(addAddress(host.socket, 1, 'nonsense')).rejects.toThrow(RangeError);
  const failing = host.socket.dump(
    { operation: 'dump', type: 18, encode: (m) => m.u32(0).u32(0).u32(0).u32(0) },
    () => {
      throw new Error('from the parser');
    },
  );
  await expect(failing).rejects.toThrow('from the parser');
  expect(await listLinks(host.socket)).toHaveLength(1);
});

test('more sockets than koffi queues calls for', async () => {
  using host = testNamespace();
  const sockets = Array.from({ length: 300 }, () => NetlinkSocket.inNamespace(host.fd));
  const found = await Promise.all(sockets.map((socket) => getLink(socket, { name: 'lo' })));
  for (const socket of sockets) socket.close();
  expect(found.every((link) => link?.ifindex === 1)).toBe(true);
});

test('closing waits for what was asked before; later requests are refused', async () => {
  using host = testNamespace();
  const socket = NetlinkSocket.inNamespace(host.fd);
  const asked = getLink(socket, { name: 'lo' });
  socket.close();
  expect((await asked)?.name).toBe('lo');
  await expect(getLink(socket, { name: 'lo' })).rejects.toThrow('closed');
});

test('the event loop goes on while the kernel works', async () => {
  using host = testNamespace();
  const ifindexes = Array.from({ length: 200 }, (_, i) => 1000 + i);
  await Promise.all(
    ifindexes.map((ifindex) =>
      addVeth(host.socket, { primary: { name: `a${ifindex}`, ifindex }, peer: { name: `b${ifindex}` } }),
    ),
  );
  let turns = 0;
  let going = true;
  const turn = () => {
    turns++;
    if (going) setImmediate(turn);
  };
  const started = performance.now();
  const deleted = deleteLinks(host.socket, ifindexes);
  turn();
  await deleted;
  going = false;
  // Deleting takes the kernel tens of milliseconds in one call; a blocked loop would have turned a few times.
  expect(performance.now() - started).toBeGreaterThan(5);
  expect(turns).toBeGreaterThan(50);
});

test('a dump is whole although links come and go meanwhile', async () => {
  using host = testNamespace();
  const stable = Array.from({ length: 150 }, (_, i) => `s${i}`);
  await Promise.all(
    stable.map((name) => addVeth(host.socket, { primary: { name }, peer: { name: `${name}p` } })),
  );
  const churn = spawn('ip', ['-n', host.name, '-batch', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(churn, 'exit');
  for (let i = 0; i < 60; i++)
    churn.stdin.write(`link add t${i} type veth peer name u${i}\nlink del t${i}\n`);
  churn.stdin.end();
  for (let i = 0; i < 10; i++) {
    const found = (await listLinks(host.socket)).map((link) => link.name);
    expect(new Set(found).size).toBe(found.length);
    expect(found).toEqual(expect.arrayContaining(stable));
  }
  expect((await ended)[0]).toBe(0);
});
