import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { expectIproute2Agrees } from '../../testbed/iproute2-oracle.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startTestNode();
});
afterAll(() => node?.[Symbol.asyncDispose]());

const refusal = async (call: Promise<unknown>): Promise<string> => {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ProblemError)) throw new Error(`not refused: ${error}`);
  return error.code;
};
const primaries = (): string[] =>
  (JSON.parse(node.run(['ip', '-j', 'link'])) as { ifname: string }[])
    .map((link) => link.ifname)
    .filter((name) => name.startsWith('pl'));

describe('a pod on veth', () => {
  test('is reported as iproute2 reads it', async () => {
    const pod = await node.addPod('whole', '10.42.0.2/32', 'veth');
    expect(pod.device?.programs.map((program) => [program.hook, program.ours])).toEqual([
      ['tcx/ingress', true],
      ['tcx/egress', true],
    ]);
    expectIproute2Agrees(node, pod);
    const neighbors = node.run(['ip', 'neigh', 'show', 'dev', pod.primary.name]);
    expect(neighbors).toContain(`10.42.0.2 lladdr ${pod.device?.peer.mac} PERMANENT`);
  });

  test('keeps its MTU on both ends', async () => {
    const netns = node.addNamespace('jumbo');
    const pod = await node.ask<Pod>('POST', '/pods', {
      namespace: 'shop',
      name: 'jumbo',
      netns,
      addresses: ['10.42.0.4/32'],
      mtu: 9000,
    });
    expect([pod.device?.primary.mtu, pod.device?.peer.mtu]).toEqual([9000, 9000]);
    expectIproute2Agrees(node, pod);
  });

  test('gets no redirects, source routes or router advertisements accepted on the host’s end', async () => {
    const { primary } = await node.ask<Pod>('GET', '/pods/shop.whole');
    const read = (path: string): string => node.run(['cat', `/proc/sys/net/${path}`]).trim();
    const { name } = primary;
    for (const sysctl of ['accept_redirects', 'send_redirects', 'accept_source_route'])
      expect(read(`ipv4/conf/${name}/${sysctl}`), sysctl).toBe('0');
    expect(read(`ipv6/conf/${name}/accept_redirects`)).toBe('0');
    expect(read(`ipv6/conf/${name}/accept_source_route`)).toBe('-1');
    expect(read(`ipv6/conf/${name}/accept_ra`)).toBe('0');
  });

  test('cannot be given an address of the node, however written, nor a gateway of the pods', async () => {
    node.run(['ip', 'address', 'add', '10.43.0.9/24', 'dev', 'lo']);
    node.run(['ip', 'address', 'add', 'fd43::9/128', 'dev', 'lo']);
    const netns = node.addNamespace('greedy');
    for (const address of ['10.43.0.9/32', 'fd43:0:0::9/128', '169.254.1.1/32', '127.0.0.1/32']) {
      const wanted = { namespace: 'shop', name: 'greedy', netns, addresses: [address] };
      expect(['address_in_use', 'bad_request'], address).toContain(
        await refusal(node.ask('POST', '/pods', wanted)),
      );
    }
    expect(node.run(['ip', 'link'], netns)).not.toContain('eth0');
  });

  test('reaches another pod, hop by hop as the path says', async () => {
    await node.addPod('other', '10.42.0.5/32');
    const whole = await node.ask<Pod>('GET', '/pods/shop.whole');
    expect(node.run(['ping', '-c', '3', '-i', '0.01', '10.42.0.5'], whole.netns.path)).toContain(
      ' 0% packet loss',
    );
    const path = await node.ask<{ hops: { type: string }[] }>('GET', '/pods/shop.whole/path');
    expect(path.hops.map((hop) => hop.type)).toEqual(['container', 'device', 'host', 'pods']);
  });

  test('leaves nothing behind when it is detached', async () => {
    const pod = await node.addPod('short', '10.42.0.6/32');
    const link = `${pod.slot}-tcx-ingress`;
    expect(readdirSync(`${node.pins}/links`)).toContain(link);
    await node.ask('DELETE', `/pods/${pod.id}`);
    expect(existsSync(`${node.pins}/links/${link}`)).toBe(false);
    expect(primaries()).not.toContain(pod.primary.name);
    expect(node.run(['ip', 'route'])).not.toContain('10.42.0.6');
  });

  test('is removed together with its namespace', async () => {
    const pod = await node.addPod('ending', '10.42.0.7/32');
    node.removeNamespace('ending');
    await expect
      .poll(async () =>
        (await node.ask<{ items: PodSummary[] }>('GET', '/pods')).items.map((each) => each.id),
      )
      .not.toContain(pod.id);
    expect(primaries()).not.toContain(pod.primary.name);
  });
});

describe('refused, and nothing changed', () => {
  test.each([
    ['a name that is taken', { name: 'whole', addresses: ['10.42.0.8/32'] }, 'pod_exists'],
    ['an address that is taken', { name: 'fresh', addresses: ['10.42.0.2/32'] }, 'address_in_use'],
    ['a name of 10,000 characters', { name: 'x'.repeat(10_000), addresses: ['10.42.0.8/32'] }, 'bad_request'],
    ['an address that is none', { name: 'fresh', addresses: ['10.42.0.300/32'] }, 'bad_request'],
    [
      'a path that is no namespace',
      { name: 'fresh', addresses: ['10.42.0.8/32'], netns: '/etc/passwd' },
      'bad_netns',
    ],
    [
      'netkit on a kernel without',
      { name: 'fresh', addresses: ['10.42.0.8/32'], kind: 'netkit' },
      'no_netkit',
    ],
  ])('%s', async (title, given, code) => {
    const before = primaries();
    const netns = node.addNamespace(`r${title.length}${code.length}`);
    expect(await refusal(node.ask('POST', '/pods', { namespace: 'shop', netns, ...given }))).toBe(code);
    expect(primaries()).toEqual(before);
  });

  test('the host’s own namespace', async () => {
    const body = { namespace: 'shop', name: 'host', netns: node.host, addresses: ['10.42.0.8/32'] };
    expect(await refusal(node.ask('POST', '/pods', body))).toBe('bad_netns');
  });

  test('an interface name the pod has already', async () => {
    const netns = node.addNamespace('named');
    node.run(['ip', 'link', 'add', 'eth0', 'type', 'veth'], netns);
    const body = { namespace: 'shop', name: 'named', netns, addresses: ['10.42.0.8/32'] };
    expect(await refusal(node.ask('POST', '/pods', body))).toBe('interface_in_use');
    expect(
      (await node.ask<{ items: PodSummary[] }>('GET', '/pods')).items.map((each) => each.name),
    ).not.toContain('named');
  });
});
