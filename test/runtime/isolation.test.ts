import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { ContainerTraffic, trafficPorts } from '../../scripts/lab/container-traffic.ts';
import { DockerNode } from '../../scripts/runtimes/docker.ts';
import { IsolatedHost } from '../../scripts/runtimes/isolated-host/isolated-host.ts';
import { pollUntil } from '../testbed/poll.ts';
import { listLeftovers, readMachineNetwork } from '../testbed/runtimes/leftovers.ts';

const root = join(import.meta.dirname, '../..');

test('two runtimes at once have containers of one name and publish one port, each its own', async () => {
  await using first = await DockerNode.open();
  await using second = await DockerNode.open();
  for (const node of [first, second]) {
    const traffic = new ContainerTraffic(join(node.host.folder, 'lab'), 1);
    await node.run({
      name: 'web',
      publish: [{ hostPort: 8088, containerPort: trafficPorts.http }],
      ...traffic.containerOf({ app: 'web' }),
    });
  }
  for (const { host } of [first, second])
    expect(
      await host.runIn(host.outside, ['busybox', 'wget', '-q', '-O', '-', `http://${host.address}:8088/`]),
    ).toBe('web at 172.17.0.2\n');
  await first.close();
  expect(listLeftovers(first.host)).toEqual([]);
  expect(await second.inspect('web')).toMatchObject({ name: 'web' });
});

test('a host sees its own processes and interfaces only, and none of the machine’s files changes', async () => {
  await using host = await IsolatedHost.open();
  const machine = readMachineNetwork();
  expect((await host.run(['ps', '-e', '-o', 'comm='])).trim().split('\n').length).toBeLessThan(6);
  expect((await host.run(['ls', '/sys/class/net'])).trim().split('\n')).toEqual(['lo', 'uplink0']);
  const mark = `/etc/${host.name}`;
  host.write(mark, 'x');
  host.write(`/var/lib/${host.name}`, 'x');
  expect(await host.run(['cat', mark])).toBe('x');
  expect([mark, `/var/lib/${host.name}`].filter((path) => existsSync(path))).toEqual([]);
  await host.run(['nft', 'add', 'table', 'ip', 'podlane_test']);
  expect(readMachineNetwork()).toEqual(machine);
});

test('when the process that opened it is killed, a host with its daemon and container goes too', async () => {
  const child = spawn(process.execPath, [join(root, 'test/testbed/runtimes/open-docker.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  const host = JSON.parse(line) as IsolatedHost;
  expect(listLeftovers(host)).not.toEqual([]);
  child.kill('SIGKILL');
  await pollUntil(
    async () => listLeftovers(host),
    (left) => left.length === 0,
  );
});

test('a program that is missing is named with the package to install', async () => {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    await expect(DockerNode.open()).rejects.toThrow(
      /missing: dockerd, docker, containerd, runc, iptables.*apt-get install .*docker.io containerd runc iptables/s,
    );
  } finally {
    process.env.PATH = path;
  }
});
