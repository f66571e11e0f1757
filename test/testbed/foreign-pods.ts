import { randomBytes } from 'node:crypto';
import type { ObservedPodSummary } from '../../contract/observed-pod.ts';
import type { TestNode } from './node.ts';
import { pollUntil } from './poll.ts';

/** Namespaces that pods of others are made in. */
type ForeignPodNode = Pick<TestNode, 'host' | 'run' | 'addNamespace'>;

/** A pod that others made, as a runtime makes it: a namespace, and a device whose other end is on the node. */
export interface ForeignPod {
  /** Path of its namespace. */
  netns: string;
  /** Name of the host end. */
  hostEnd: string;
  address: string;
  gateway: string;
}

/** An address beyond the node's uplink. */
export const outsideAddress = '198.51.100.2';

/** Connects the node with a namespace outside, to which its default route leads. @returns the path of that namespace */
export function addOutside(node: ForeignPodNode): string {
  const outside = node.addNamespace('outside');
  for (const command of [
    `link add up0 type veth peer name up1 netns ${outside}`,
    'addr add 198.51.100.1/24 dev up0',
    'link set up0 up',
  ])
    node.run(['ip', ...command.split(' ')]);
  for (const command of [
    `addr add ${outsideAddress}/24 dev up1`,
    'link set up1 up',
    'route add default via 198.51.100.1',
  ])
    node.run(['ip', ...command.split(' ')], outside);
  node.run(['ip', 'route', 'add', 'default', 'via', outsideAddress]);
  return outside;
}

const newHostEnd = (): string => `veth${randomBytes(4).toString('hex')}`;

/** Makes a device whose end `eth0` is in the pod, as CNI plugins do: from within the namespace of the container. */
function addVeth(node: ForeignPodNode, netns: string, hostEnd: string): void {
  node.run(['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', hostEnd, 'netns', node.host], netns);
  node.run(['ip', 'link', 'set', hostEnd, 'up']);
  node.run(['ip', 'link', 'set', 'eth0', 'up'], netns);
}

/** Adds a pod as the CNI plugin ptp does: the gateway is the host end's, and the node has a route to the pod. */
export async function addPtpPod(node: ForeignPodNode, name: string, number: number): Promise<ForeignPod> {
  const netns = node.addNamespace(name);
  const hostEnd = newHostEnd();
  const [address, gateway] = [`10.1.0.${number}`, '10.1.0.1'];
  addVeth(node, netns, hostEnd);
  for (const command of [
    `addr add ${address}/24 dev eth0`,
    'route del 10.1.0.0/24 dev eth0',
    `route add ${gateway} dev eth0 scope link src ${address}`,
    `route add 10.1.0.0/24 via ${gateway} dev eth0 src ${address}`,
    `route add default via ${gateway} dev eth0`,
    `-6 addr add fd01::${number}/64 dev eth0 nodad`,
    '-6 route del fd01::/64 dev eth0',
    '-6 route add fd01::1 dev eth0',
    '-6 route add fd01::/64 via fd01::1 dev eth0',
    '-6 route add default via fd01::1 dev eth0',
  ])
    node.run(['ip', ...command.split(' ')], netns);
  for (const command of [
    `addr add ${gateway}/32 dev ${hostEnd}`,
    `route add ${address} dev ${hostEnd} scope host`,
    `-6 addr add fd01::1/128 dev ${hostEnd} nodad`,
    `-6 route add fd01::${number} dev ${hostEnd}`,
  ])
    node.run(['ip', ...command.split(' ')]);
  node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  await settle(node, netns);
  return { netns, hostEnd, address, gateway };
}

/** Adds a pod as Calico does: an unnumbered host end that answers ARP for everything, and a route to the pod. */
export async function addCalicoPod(node: ForeignPodNode, name: string, number: number): Promise<ForeignPod> {
  const netns = node.addNamespace(name);
  const hostEnd = `cali${randomBytes(6).toString('hex').slice(0, 11)}`;
  const [address, gateway] = [`10.2.0.${number}`, '169.254.1.1'];
  addVeth(node, netns, hostEnd);
  node.run(['ip', 'link', 'set', hostEnd, 'address', 'ee:ee:ee:ee:ee:ee']);
  for (const command of [
    `addr add ${address}/32 dev eth0`,
    `route add ${gateway} dev eth0 scope link`,
    `route add default via ${gateway} dev eth0`,
  ])
    node.run(['ip', ...command.split(' ')], netns);
  node.run(['ip', 'route', 'add', address, 'dev', hostEnd, 'scope', 'link']);
  node.run([
    'sysctl',
    '-qw',
    'net.ipv4.ip_forward=1',
    `net.ipv4.conf.${hostEnd}.proxy_arp=1`,
    `net.ipv4.neigh.${hostEnd}.proxy_delay=0`,
  ]);
  await settle(node, netns);
  return { netns, hostEnd, address, gateway };
}

/** Bridge of `addBridge`, with the port of the node that leads to a pod on it. */
export const bridgeNetwork = {
  name: 'br-web',
  gateway: '172.30.0.1',
  prefix: '172.30.0.0/24',
  port: 8080,
} as const;

/**
 * Adds a bridge with the rules that Docker makes for one: masquerading, a published port, isolation from another bridge, and
 * a policy to drop what no rule accepts.
 * @param published address of the pod that the port of the node leads to
 */
export function addBridge(node: ForeignPodNode, published: string): void {
  const { name, gateway, prefix, port } = bridgeNetwork;
  for (const command of [
    `link add ${name} type bridge`,
    `addr add ${gateway}/24 dev ${name}`,
    `link set ${name} up`,
    'link add br-other type bridge',
    'addr add 172.31.0.1/24 dev br-other',
    'link set br-other up',
  ])
    node.run(['ip', ...command.split(' ')]);
  node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  for (const command of [
    `-t nat -N DOCKER`,
    `-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER`,
    `-t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER`,
    `-t nat -A POSTROUTING -s ${prefix} ! -o ${name} -j MASQUERADE`,
    `-t nat -A POSTROUTING -s ${published}/32 -d ${published}/32 -p tcp --dport 80 -j MASQUERADE`,
    `-t nat -A DOCKER ! -i ${name} -p tcp --dport ${port} -j DNAT --to-destination ${published}:80`,
    `-t nat -A DOCKER ! -i ${name} -p udp --dport ${port} -j DNAT --to-destination ${published}:80`,
    '-P FORWARD DROP',
    '-N DOCKER',
    '-N ISOLATION-1',
    '-N ISOLATION-2',
    '-A FORWARD -j ISOLATION-1',
    `-A FORWARD -o ${name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A FORWARD -o ${name} -j DOCKER`,
    `-A FORWARD -i ${name} ! -o ${name} -j ACCEPT`,
    `-A FORWARD -i ${name} -o ${name} -j ACCEPT`,
    '-A FORWARD -o br-other -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -i br-other ! -o br-other -j ACCEPT',
    `-A DOCKER -d ${published}/32 ! -i ${name} -o ${name} -p tcp --dport 80 -j ACCEPT`,
    `-A DOCKER -d ${published}/32 ! -i ${name} -o ${name} -p udp --dport 80 -j ACCEPT`,
    `-A ISOLATION-1 -i ${name} ! -o ${name} -j ISOLATION-2`,
    '-A ISOLATION-1 -i br-other ! -o br-other -j ISOLATION-2',
    `-A ISOLATION-2 -o ${name} -j DROP`,
    '-A ISOLATION-2 -o br-other -j DROP',
  ])
    node.run(['iptables-nft', ...command.split(' ')]);
}

/** Adds a pod as Docker does: its device is a port of a bridge, which has the gateway's address. */
export async function addBridgedPod(
  node: ForeignPodNode,
  name: string,
  number: number,
  bridge: string = bridgeNetwork.name,
): Promise<ForeignPod> {
  const netns = node.addNamespace(name);
  const hostEnd = newHostEnd();
  const subnet = bridge === bridgeNetwork.name ? '172.30.0' : '172.31.0';
  const [address, gateway] = [`${subnet}.${number}`, `${subnet}.1`];
  addVeth(node, netns, hostEnd);
  node.run(
    ['ip', 'link', 'set', 'eth0', 'address', `02:42:ac:1e:00:${number.toString(16).padStart(2, '0')}`],
    netns,
  );
  for (const command of [
    `addr add ${address}/24 broadcast + dev eth0`,
    `route add default via ${gateway} dev eth0`,
  ])
    node.run(['ip', ...command.split(' ')], netns);
  node.run(['ip', 'link', 'set', hostEnd, 'master', bridge]);
  node.run(['bridge', 'link', 'set', 'dev', hostEnd, 'hairpin', 'on']);
  await settle(node, netns);
  return { netns, hostEnd, address, gateway };
}

/** Waits until the agent observes a pod. @returns its summary */
export const waitForObservedPod = (node: TestNode, { hostEnd }: ForeignPod): Promise<ObservedPodSummary> =>
  pollUntil(
    async () => {
      const { items } = await node.ask<{ items: ObservedPodSummary[] }>('GET', '/observed-pods?limit=200');
      return items.find((pod) => pod.hostEnd?.name === hostEnd);
    },
    (pod) => pod !== undefined,
  ) as Promise<ObservedPodSummary>;

/**
 * Prints the whole network of a namespace as iproute2 and nft show it, a line each, without what changes by itself and the
 * order of interfaces, which is that of their creation.
 */
export function printNetwork(node: ForeignPodNode, netns = node.host): string[] {
  const lines = (command: string): string[] => {
    const printed = node.run(command.split(' '), netns).split('\n');
    return printed
      .map((line) =>
        line
          .replaceAll(/ *(valid_lft|preferred_lft|expires|\w*timer|fdb_n_learned|mcast_n_groups) +\S+/g, '')
          .trim(),
      )
      .sort();
  };
  return [
    ...lines('ip -o -d link show'),
    ...lines('ip -o address show'),
    ...lines('ip -4 route show table all'),
    ...lines('ip -6 route show table all'),
    ...lines('ip rule show'),
    ...lines('ip neigh show nud permanent'),
    ...lines('bridge -o -d link show'),
    ...lines('bridge fdb show').filter((line) => /permanent|static|extern_learn/.test(line)),
    ...lines('bridge vlan show'),
    ...lines('tc qdisc show'),
    ...node.run(['sh', '-c', 'nft -s list ruleset 2>/dev/null'], netns).split('\n'),
    ...['ipv4/conf', 'ipv6/conf', 'ipv4/neigh', 'ipv6/neigh'].flatMap((tree) =>
      node.run(['sh', '-c', `grep -rs . /proc/sys/net/${tree} | sort`], netns).split('\n'),
    ),
  ];
}

/** Lists the lines of two prints that differ, with - or + before them. */
export const compareNetworks = (before: readonly string[], after: readonly string[]): string[] => [
  ...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`),
  ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
];

/** Waits until duplicate address detection has ended on the node and in a pod. */
async function settle(node: ForeignPodNode, netns: string): Promise<void> {
  await pollUntil(
    async () => node.run(['ip', '-6', 'addr']) + node.run(['ip', '-6', 'addr'], netns),
    (text) => !text.includes('tentative'),
  );
}
