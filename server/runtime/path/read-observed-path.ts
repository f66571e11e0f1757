import type { ObservedPathHop, ObservedPodPath } from '../../../contract/observed-path.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { toDeviceEnd } from '../../datapath/pods/read-pod.ts';
import {
  findUplink,
  listDefaultRoutes,
  listNeighborsOf,
  readUplinkHop,
} from '../../datapath/pods/read-pod-path.ts';
import { readSysctl } from '../../kernel/sysctl.ts';
import { listAddresses } from '../../netlink/address.ts';
import { isHairpinPort } from '../../netlink/bridge-port.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listRoutes } from '../../netlink/route.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { explainMissingEnd } from '../counting/interface-counting.ts';
import { listHostEndPrograms } from '../counting/list-hook-programs.ts';
import type { ObservedInterface, ObservedPod } from '../observed-pod.ts';
import type { ObservedPods } from '../observed-pods.ts';
import { isWithin, type NatRules, selectPodTranslations } from './nat-rules.ts';

/** Maximum number of ports of a bridge that are named. */
const maxPorts = 256;

/** What reading a path takes from the rest of the agent. */
export interface ObservedPathContext {
  observed: ObservedPods;
  nat: NatRules;
  ourPrograms(): readonly number[];
}

/**
 * Reads the path of a packet that leaves an observed pod, hop by hop: its interface, the bridge that the host end is a port
 * of, the node's routes and rules that translate addresses, the uplink.
 * @param name interface of the pod; default the first
 * @throws ProblemError `observed_pod_not_found`, `pod_gone`, `not_found` without such an interface
 */
export async function readObservedPath(
  { observed, nat, ourPrograms }: ObservedPathContext,
  id: string,
  name?: string,
): Promise<ObservedPodPath> {
  const pod = observed.require(id);
  const each = pod.interfaces.find((candidate) => name === undefined || candidate.name === name);
  if (each === undefined)
    throw new ProblemError('not_found', `${id} has no interface ${JSON.stringify(name?.slice(0, 64))}`, {
      hint: `It has ${pod.interfaces.map((candidate) => candidate.name).join(', ')}.`,
    });
  using host = NetlinkSocket.open();
  const { hostEnd, parent } = each;
  const hops: ObservedPathHop[] = [
    await readContainerHop(observed, pod, each),
    {
      type: 'interface',
      kind: each.kind,
      mode: each.link.netkit?.mode ?? each.link.mode ?? null,
      podEnd: toDeviceEnd(each.link),
      hostEnd: hostEnd && toDeviceEnd(hostEnd.link),
      parent,
      elsewhere: hostEnd !== null || parent !== null ? null : explainMissingEnd(each),
      programs: hostEnd ? await listHostEndPrograms(host, hostEnd, new Set(ourPrograms())) : [],
    },
  ];
  if (hostEnd === null && parent === null) return { pod: id, interface: each.name, hops };
  if (hostEnd?.bridge) {
    const bridge = await readBridgeHop(host, hostEnd.bridge.ifindex, hostEnd.ifindex);
    if (bridge) hops.push(bridge);
  }
  // Frames of a macvlan or ipvlan leave by its parent past the node's routes and rules.
  if (hostEnd === null) return { pod: id, interface: each.name, hops };
  hops.push(await readHostHop(host, each, hostEnd.bridge?.ifindex ?? hostEnd.ifindex));
  hops.push({ type: 'nat', ...selectPodTranslations(await nat.read(), each.addresses) });
  const uplink = await readUplinkHop({ host });
  if (uplink?.type === 'uplink') hops.push(uplink);
  return { pod: id, interface: each.name, hops };
}

async function readContainerHop(
  observed: ObservedPods,
  pod: ObservedPod,
  each: ObservedInterface,
): Promise<ObservedPathHop> {
  using namespace = observed.openNamespace(pod);
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  const nameOf = (ifindex: number): string | undefined => (ifindex === each.ifindex ? each.name : undefined);
  const gateways = (await listRoutes(socket)).flatMap(({ gateway, ifindex }) =>
    gateway !== null && ifindex === each.ifindex ? [gateway] : [],
  );
  return {
    type: 'container',
    name: pod.identity.name,
    netns: observed.pathsOf(pod).path ?? `net:[${pod.inode}]`,
    interface: each.name,
    addresses: each.addresses,
    ifindex: each.ifindex,
    mtu: each.link.mtu,
    routes: await listDefaultRoutes(socket, nameOf),
    neighbors: await listNeighborsOf(socket, gateways, each.link),
  };
}

async function readBridgeHop(
  host: NetlinkSocket,
  ifindex: number,
  port: number,
): Promise<ObservedPathHop | null> {
  const bridge = await getLink(host, { ifindex });
  if (bridge === null) return null;
  const ports = (await listLinks(host)).filter(({ master }) => master === ifindex);
  return {
    type: 'bridge',
    name: bridge.name,
    ifindex,
    mtu: bridge.mtu,
    up: bridge.running,
    addresses: (await listAddresses(host, { ifindex })).map(({ address }) => address),
    ports: ports.slice(0, maxPorts).map(({ name }) => name),
    hairpin: await isHairpinPort(host, port),
  };
}

/** @param ifindex interface by which the node reaches the pod: the bridge, or the host end */
async function readHostHop(
  host: NetlinkSocket,
  each: ObservedInterface,
  ifindex: number,
): Promise<ObservedPathHop> {
  const link: NetworkLink | null = await getLink(host, { ifindex });
  const uplink = await findUplink({ host });
  const nameOf = (index: number): string | undefined =>
    index === link?.ifindex ? link.name : index === uplink?.ifindex ? uplink.name : undefined;
  const addresses = each.addresses.map((cidr) => cidr.split('/', 1).join(''));
  const toPod = (await listRoutes(host, { ifindex })).filter(
    ({ destination }) =>
      destination !== 'default' && addresses.some((address) => isWithin(destination, address)),
  );
  const isIpv6 = addresses.some((address) => address.includes(':'));
  return {
    type: 'host',
    routes: toPod.map((route) => formatRoute(route, nameOf)),
    neighbors: link ? await listNeighborsOf(host, addresses, link) : [],
    defaultRoutes: await listDefaultRoutes(host, nameOf),
    forwarding:
      readSysctl('net/ipv4/ip_forward') === '1' &&
      (!isIpv6 || readSysctl('net/ipv6/conf/all/forwarding') === '1'),
    rpFilter: Math.max(
      Number(readSysctl('net/ipv4/conf/all/rp_filter')),
      link ? Number(readSysctl(`net/ipv4/conf/${link.name}/rp_filter`)) : 0,
    ),
  };
}
