import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ContainerTraffic, trafficPorts } from '../../scripts/lab/container-traffic.ts';
import { DockerNode } from '../../scripts/runtimes/docker.ts';
import { listLeftovers } from '../testbed/runtimes/leftovers.ts';

test('dockerd runs beside netkit, and a container’s published port answers beyond the uplink', async () => {
  const docker = await DockerNode.open();
  try {
    const { host } = docker;
    const traffic = new ContainerTraffic(join(host.folder, 'lab'), 0.1);
    const { netns } = await docker.run({
      name: 'web',
      publish: [{ hostPort: 8088, containerPort: trafficPorts.http }],
      ...traffic.containerOf({ app: 'web' }),
    });
    const url = `http://${host.address}:8088/`;
    expect(await host.runIn(host.outside, ['busybox', 'wget', '-q', '-O', '-', url])).toBe(
      'web at 172.17.0.2\n',
    );
    const [, device] = JSON.parse(await host.runIn(netns, ['ip', '-j', '-d', 'link']));
    expect(device).toMatchObject({ ifname: 'eth0', linkinfo: { info_kind: 'veth' } });
    await host.run(['ip', 'link', 'add', 'nk0', 'type', 'netkit', 'peer', 'name', 'nk1']);
  } finally {
    await docker.close();
  }
  expect(listLeftovers(docker.host)).toEqual([]);
});
