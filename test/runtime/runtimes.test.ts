import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObservedPodSummary } from '../../contract/observed-pod.ts';
import { ContainerTraffic, trafficPorts } from '../../scripts/lab/container-traffic.ts';
import type { Container, ContainerRuntime } from '../../scripts/runtimes/container.ts';
import { labImage } from '../../scripts/runtimes/image.ts';
import { pollUntil } from '../testbed/poll.ts';
import { type RuntimeCase, runtimeCases } from '../testbed/runtimes/all-runtimes.ts';
import { readForeignNetwork } from '../testbed/runtimes/foreign-network.ts';
import { listLeftovers, readMachineNetwork } from '../testbed/runtimes/leftovers.ts';
import { type ObservingAgent, startObservingAgent } from '../testbed/runtimes/observing-agent.ts';

const hostPort = 8088;
/**
 * Milliseconds in which the agent shows what a runtime has done. The time that the runtime itself took is added: on a busy
 * machine both take longer.
 */
const followsWithinMs = 2000;

describe.each(runtimeCases)('$name', (runtime: RuntimeCase) => {
  const { publishes, identity } = runtime;
  let machine: string[];
  let node: ContainerRuntime;
  let traffic: ContainerTraffic;
  let web: Container;
  let cart: Container;
  let agent: ObservingAgent;

  const run = (app: string, more: { publish?: { hostPort: number; containerPort: number }[] } = {}) =>
    node.run(runtime.options({ name: app, labels: { app }, ...traffic.containerOf({ app }), ...more }));
  const nameOf = runtime.podName;
  const namesOf = (pods: readonly ObservedPodSummary[]) => pods.map(({ name }) => name).sort();
  const findPod = async (name: string) => (await agent.observed()).find((pod) => pod.name === nameOf(name));

  beforeAll(async () => {
    machine = readMachineNetwork();
    node = await runtime.open();
    traffic = new ContainerTraffic(join(node.host.folder, 'lab'), 10);
    web = await run('web', publishes ? { publish: [{ hostPort, containerPort: trafficPorts.http }] } : {});
    cart = await run('cart');
  });
  afterAll(() => node?.close());

  test('containers answer each other’s requests over TCP and UDP, and none fails', async () => {
    await pollUntil(
      async () => ['web', 'cart'].map((app) => traffic.countsOf(app).ok),
      (answered) => answered.every((count) => count > 20),
    );
    for (const app of ['web', 'cart']) {
      expect(traffic.countsOf(app)).toMatchObject({ failed: 0, reconnects: 0 });
      expect(traffic.addressOf(app)).toMatch(new RegExp(`^${runtime.subnet.replaceAll('.', '\\.')}`));
    }
  });

  test('each container has one veth device, whose host end is where the runtime puts it', async () => {
    for (const { netns } of [web, cart]) {
      const links = JSON.parse(await node.host.runIn(netns, ['ip', '-j', '-d', 'link']));
      const [device, ...others] = links.filter(({ ifname }: { ifname: string }) => ifname !== 'lo');
      expect(others).toEqual([]);
      expect(device.linkinfo.info_kind).toBe('veth');
      const [end] = JSON.parse(await node.host.runIn(node.host.netns, ['ip', '-j', 'link'])).filter(
        ({ ifindex }: { ifindex: number }) => ifindex === device.link_index,
      );
      expect(end.master ?? null).toBe(runtime.bridge);
    }
  });

  test.runIf(publishes)(
    'a published port answers beyond the uplink, by the container’s own address',
    async () => {
      const { host } = node;
      const answer = await host.runIn(host.outside, [
        ...['busybox', 'wget', '-q', '-O', '-', `http://${host.address}:${hostPort}/`],
      ]);
      expect(answer).toBe(`web at ${traffic.addressOf('web')}\n`);
    },
  );

  test('an agent that starts finds both, knows who they are, and changes nothing of theirs', async () => {
    const before = await readForeignNetwork(node.host, [web, cart]);
    agent = await startObservingAgent(node);
    const pods = await pollUntil(
      () => agent.observed(),
      (found) => found.length >= 2 && found.every((pod) => pod.identifiedBy === identity.identifiedBy),
    );
    expect(namesOf(pods)).toEqual([nameOf('cart'), nameOf('web')]);
    for (const app of ['web', 'cart']) {
      const pod = pods.find(({ name }) => name === nameOf(app))!;
      expect(pod).toMatchObject({ kind: 'veth', hostNetwork: false, interfaceCount: 1 });
      expect(pod.addresses.some((address) => address.startsWith(`${traffic.addressOf(app)}/`))).toBe(true);
      expect(pod.hostEnd?.bridge ?? null).toBe(runtime.bridge);
      if (identity.runtime !== null)
        expect(pod.runtime).toMatchObject({ name: identity.runtime, connected: true });
      if (!identity.labels) continue;
      expect(pod.labels).toMatchObject({ app });
      expect(pod.image).toBe(labImage);
    }
    const { id } = pods.find(({ name }) => name === nameOf('web'))!;
    const described = await agent.describe(id);
    if (publishes)
      expect(described.publishedPorts).toContainEqual(
        expect.objectContaining({ protocol: 'tcp', hostPort, podPort: trafficPorts.http }),
      );
    if (identity.identifiedBy === 'cri') {
      expect(described).toMatchObject({ namespace: 'shop', uid: 'uid-web-0' });
      expect(described.annotations).toMatchObject({ 'example.com/team': 'checkout' });
    }
    // Counted by a program at the host end, beside all that is there.
    expect(described.countedBy).toBe('programs');
    await pollUntil(
      () => agent.describe(id),
      ({ counters }) => (counters?.ingressPackets ?? 0) > 20 && (counters?.egressPackets ?? 0) > 20,
    );
    const ours = /^(observe|podlane)/;
    expect(await readForeignNetwork(node.host, [web, cart], ours)).toEqual(before);
  });

  test('a restarted container is the same pod by name, and followed within two seconds', async () => {
    const old = await findPod('cart');
    const started = performance.now();
    cart = await node.restart('cart');
    const restarted = performance.now();
    // A new namespace may have the inode of the old one; its device has another index.
    await pollUntil(
      () => agent.observed(),
      (pods) => {
        const carts = pods.filter(({ name }) => name === nameOf('cart'));
        const isNew = carts[0]?.hostEnd?.ifindex !== old?.hostEnd?.ifindex;
        return (
          carts.length === 1 &&
          isNew === runtime.newNamespace &&
          carts.every((cart) => cart.processes > 0 && cart.identifiedBy === identity.identifiedBy)
        );
      },
    );
    expect(performance.now() - restarted).toBeLessThan(followsWithinMs + restarted - started);
    expect(namesOf(await agent.observed())).toEqual([nameOf('cart'), nameOf('web')]);
  });

  test('a container that is removed is gone from the agent within two seconds, and leaves nothing on the host', async () => {
    const pod = await findPod('cart');
    const started = performance.now();
    await node.remove('cart');
    const removed = performance.now();
    await pollUntil(
      () => agent.observed(),
      (pods) => !pods.some(({ id }) => id === pod?.id),
    );
    expect(performance.now() - removed).toBeLessThan(followsWithinMs + removed - started);
    const ends = await node.host.runIn(node.host.netns, ['ip', '-o', 'link', 'show', 'type', 'veth']);
    expect(ends.trim().split('\n')).toHaveLength(2); // the uplink, and web's
  });

  test('an agent that stops leaves the network as it was, and the host nothing on the machine', async () => {
    const observed = await readForeignNetwork(node.host, [web], /^(observe|podlane)/);
    await agent.stop();
    await agent.process.ended;
    expect(await readForeignNetwork(node.host, [web], /^(observe|podlane)/)).toEqual(observed);
    await node.close();
    expect(listLeftovers(node.host)).toEqual([]);
    expect(readMachineNetwork()).toEqual(machine);
  });
});
