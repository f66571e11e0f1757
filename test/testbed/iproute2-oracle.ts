import { expect } from 'vitest';
import type { Pod } from '../../contract/pod.ts';
import type { TestNode } from './node.ts';

interface IpLink {
  ifindex: number;
  ifname: string;
  mtu: number;
  address: string;
  linkinfo?: { info_kind?: string; info_data?: { mode?: string; policy?: string; peer_policy?: string } };
}
interface IpRoute {
  dst: string;
  gateway?: string;
  dev: string;
}

/** Compares what the agent says of a pod with what iproute2 reads, on the host and in the pod. */
export function expectIproute2Agrees(node: TestNode, pod: Pod): void {
  const { device } = pod;
  if (!device) throw new Error(`${pod.name} has no device`);
  const host = JSON.parse(
    node.run(['ip', '-j', '-d', 'link', 'show', 'dev', device.primary.name]),
  ) as IpLink[];
  const inside = JSON.parse(
    node.run(['ip', '-j', '-d', 'link', 'show', 'dev', pod.network.interface], pod.netns.path),
  ) as IpLink[];
  for (const [end, link] of [
    [device.primary, host[0]!],
    [device.peer, inside[0]!],
  ] as const) {
    expect({ ifindex: end.ifindex, name: end.name, mtu: end.mtu }).toEqual({
      ifindex: link.ifindex,
      name: link.ifname,
      mtu: link.mtu,
    });
    expect(link.linkinfo?.info_kind).toBe(device.kind);
    if (device.mode === 'l3') expect(end.mac).toBeNull();
    else expect(end.mac).toBe(link.address);
  }
  if (device.kind === 'netkit') {
    const data = host[0]!.linkinfo!.info_data!;
    expect({ mode: device.mode, ...device.policy }).toEqual({
      mode: data.mode,
      primary: data.policy === 'pass' ? 'forward' : data.policy,
      peer: data.peer_policy === 'drop' ? 'blackhole' : data.peer_policy,
    });
  }
  const both = (words: string[]): string[] =>
    ['-4', '-6'].map((family) => node.run(['ip', family, ...words], pod.netns.path));
  const routes = both(['-j', 'route']).flatMap((text) => JSON.parse(text || '[]') as IpRoute[]);
  expect(pod.routes.pod.map((each) => [each.destination, each.gateway ?? undefined, each.device])).toEqual(
    routes.map((each) => [each.dst, each.gateway, each.dev]),
  );
  const lines = both(['route']).flatMap((text) => text.split('\n').map((line) => line.trim()));
  expect(pod.routes.pod.map((each) => each.text)).toEqual(lines.filter((line) => line !== ''));
}
