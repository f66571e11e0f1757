import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MigrationItem, MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let pod: Pod;
const programs: ChildProcess[] = [];
beforeAll(async () => {
  node = await startTestNode();
  pod = await node.addPod('bound', ['10.42.0.2/32', 'fd00::2/128']);
});
afterAll(async () => {
  for (const program of programs) program.kill('SIGKILL');
  await node?.[Symbol.asyncDispose]();
});

const sockets = new URL('../netlink/sockets.ts', import.meta.url).href;

/** Runs a program in the pod until the tests end; it prints a line when its sockets are as they shall be. */
async function run(source: string): Promise<number> {
  const program = spawn(
    'nsenter',
    [`--net=${pod.netns.path}`, process.execPath, '--input-type=module', '-e', source],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  programs.push(program);
  await once(program.stdout!, 'data');
  return program.pid!;
}

const notes = async (): Promise<MigrationItem[]> => {
  const { items, allowed } = await node.ask<MigrationPlan>('POST', '/pods/shop.bound/migrations', {
    to: 'veth',
    dryRun: true,
    recreate: true,
  });
  expect(allowed).toBe(true);
  return items;
};

const datagrams = `import { createSocket } from 'node:dgram';
  const udp4 = createSocket('udp4').bind(5000);
  const udp6 = createSocket('udp6').bind(5001);
  await new Promise((bound) => udp6.on('listening', bound));`;

test('a pod without sockets bound to a device gets no note', async () => {
  await run(`${datagrams} console.log('ready');`);
  expect(await notes()).toEqual([]);
});

test('a plan names programs, sockets and groups that would stay on the old device', async () => {
  const pid = await run(`
    import { openSync } from 'node:fs';
    import { BoundTestSockets } from ${JSON.stringify(sockets)};
    const held = new BoundTestSockets(openSync('/proc/self/ns/net'));
    held.open({ domain: 'ipv4', type: 'datagram', device: 'eth0', bind: ['0.0.0.0', 68] });
    held.open({ domain: 'ipv6', type: 'stream', device: 'eth0', bind: ['fd00::2', 546] });
    held.open({ domain: 'packet', type: 'raw', ifindex: ${pod.device!.peer.ifindex} });
    console.log('ready');
    setInterval(() => {}, 1000);`);
  const [bound] = await notes();
  expect(bound).toMatchObject({
    end: 'pod',
    kind: 'socket',
    outcome: 'lost',
    name: expect.stringMatching(/^3 sockets bound to the interface: /),
  });
  for (const socket of ['udp 0.0.0.0:68', 'tcp [fd00::2]:546', 'packet'])
    expect(bound!.name).toContain(`${socket} of node (pid ${pid})`);

  await run(`${datagrams.replace('5000', '5002').replace('5001', '5003')}
    udp4.addMembership('239.1.2.3', '10.42.0.2');
    udp6.addMembership('ff15::4711', '::%eth0');
    console.log('ready');`);
  expect((await notes()).slice(1).map(({ name }) => name)).toEqual([
    'multicast group 239.1.2.3 (1 socket)',
    'multicast group ff15::4711 (1 socket)',
  ]);
});

test('accepted, they do not stop a migration', async () => {
  await expect(node.migrate('shop.bound', 'veth', true)).rejects.toMatchObject({ code: 'loss_not_accepted' });
  const accepted = (await notes()).map(({ id }) => id);
  const migration = await node.migrate('shop.bound', 'veth', true, accepted);
  expect(migration.state, migration.error?.detail).toBe('done');
});
