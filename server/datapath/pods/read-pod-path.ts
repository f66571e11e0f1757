import type { Direction } from '../../../contract/direction.ts';
import type { PathHook, PathHop, PodPath } from '../../../contract/pod-path.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { readSysctl } from '../../kernel/sysctl.ts';
import { listAddresses } from '../../netlink/address.ts';
import { formatNeighbor, formatRoute } from '../../netlink/iproute2-format.ts';
import { getLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { listNeighbors } from '../../netlink/neighbor.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { hasIpv6Address, listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import { readAttachedPrograms } from '../device/podlane-programs.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { isPodGone } from '../pod-activity.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { listTranslators } from './list-translators.ts';
import { toDeviceEnd, toNetkitPolicies } from './read-pod.ts';

/** Reads the path of an egress packet from the kernel, hop by hop. @throws ProblemError `device_missing` */
export async function readPodPath(
  kernel: KernelContext,
  pod: LivePod,
  others: readonly LivePod[],
): Promise<PodPath> {
  using namespace = openPodNamespace(pod);
  const device = getCurrentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: getPrimaryIfindex(device) });
  const peer = await getLink(namespace.socket, { ifindex: getPeerIfindex(device) });
  if (!primary || !peer)
    throw new ProblemError(
      'device_missing',
      `read the path of ${pod.record.namespace}/${pod.record.name}: ${device.primaryName} (ifindex ${getPrimaryIfindex(device)}) is gone`,
      {
        hint: 'Another process deleted the device. Podlane replaces it within seconds.',
      },
    );

  const programs = await readAttachedPrograms(kernel, device);
  const hooks = podlaneProgramHooks[device.hooks];
  const pathHook = (direction: Direction): PathHook => ({
    hook: hooks[direction],
    direction,
    end: hooks[direction] === 'netkit/peer' ? 'peer' : 'primary',
    programs: programs.filter((program) => program.hook === hooks[direction]),
  });
  const hops: PathHop[] = [
    {
      type: 'container',
      name: pod.record.name,
      netns: pod.record.netnsPath,
      interface: peer.name,
      addresses: (await listAddresses(namespace.socket, { ifindex: peer.ifindex })).map(
        (each) => each.address,
      ),
      ifindex: peer.ifindex,
      mtu: peer.mtu,
      routes: await listDefaultRoutes(namespace.socket, (ifindex) =>
        ifindex === peer.ifindex ? peer.name : undefined,
      ),
      neighbors: await listNeighborsOf(namespace.socket, listPodGateways(pod.record.network), peer),
    },
    {
      type: 'device',
      kind: device.kind,
      mode: primary.netkit?.mode ?? null,
      slot: device.slot,
      policy: toNetkitPolicies(primary),
      primary: toDeviceEnd(primary),
      peer: toDeviceEnd(peer),
      hooks: [pathHook('egress'), pathHook('ingress')],
    },
    await hostHop(kernel, pod, primary),
    {
      type: 'pods',
      pods: others
        .filter((other) => other !== pod && !isPodGone(other))
        .map((other) => ({
          id: other.record.id,
          namespace: other.record.namespace,
          name: other.record.name,
          kind: getCurrentDevice(other).kind,
        })),
    },
  ];
  const uplink = await readUplinkHop(kernel);
  return {
    pod: pod.record.id,
    hops: uplink ? [...hops, uplink] : hops,
    redirect: kernel.redirect.appliesTo(pod.record.id),
    redirectSetting: kernel.redirect.ofPod(pod.record.id) === null ? 'node' : 'pod',
    translators: await listTranslators(kernel, device, primary),
    services: [],
    traffic: null,
  };
}

async function hostHop(kernel: KernelContext, pod: LivePod, primary: NetworkLink): Promise<PathHop> {
  const name = (ifindex: number): string | undefined =>
    ifindex === primary.ifindex ? primary.name : undefined;
  const { network } = pod.record;
  const addresses = network.addresses.map(stripPrefixLength);
  const toPod = (await listRoutes(kernel.host, { ifindex: primary.ifindex })).filter((route) =>
    addresses.includes(stripPrefixLength(route.destination)),
  );
  const uplink = await findUplink(kernel);
  return {
    type: 'host',
    routes: toPod.map((route) => formatRoute(route, name)),
    neighbors: await listNeighborsOf(kernel.host, addresses, primary),
    defaultRoutes: await listDefaultRoutes(kernel.host, (ifindex) =>
      ifindex === uplink?.ifindex ? uplink.name : undefined,
    ),
    forwarding:
      readSysctl('net/ipv4/ip_forward') === '1' &&
      (!hasIpv6Address(network) || readSysctl('net/ipv6/conf/all/forwarding') === '1'),
    rpFilter: Math.max(
      Number(readSysctl('net/ipv4/conf/all/rp_filter')),
      Number(readSysctl(`net/ipv4/conf/${primary.name}/rp_filter`)),
    ),
  };
}

/** Finds the device of the host's default route, or returns null if the host has no default route. */
export async function findUplink({ host }: Pick<KernelContext, 'host'>): Promise<NetworkLink | null> {
  const route = (await listRoutes(host)).find(
    (each) => each.destination === 'default' && each.ifindex !== null,
  );
  return route?.ifindex ? getLink(host, { ifindex: route.ifindex }, { stats: true }) : null;
}

/** Reads the hop of the host's default route; null without one. */
export async function readUplinkHop(kernel: Pick<KernelContext, 'host'>): Promise<PathHop | null> {
  const link = await findUplink(kernel);
  if (!link?.stats) return null;
  return {
    type: 'uplink',
    name: link.name,
    ifindex: link.ifindex,
    mtu: link.mtu,
    addresses: (await listAddresses(kernel.host, { ifindex: link.ifindex })).map((each) => each.address),
    rx: counted(link.stats.receive),
    tx: counted(link.stats.transmit),
  };
}

const counted = ({ packets, bytes, dropped }: { packets: number; bytes: number; dropped: number }) => ({
  packets,
  bytes,
  dropped,
});

/** Lists the default routes of a namespace as `ip route` prints them. */
export async function listDefaultRoutes(
  socket: NetlinkSocket,
  name: (ifindex: number) => string | undefined,
): Promise<string[]> {
  const found = (await listRoutes(socket)).filter((each) => each.destination === 'default');
  return found.map((route) => formatRoute(route, name));
}

/** Lists the neighbor entries of an interface for some addresses, as `ip neigh` prints them. */
export async function listNeighborsOf(
  socket: NetlinkSocket,
  wanted: readonly string[],
  link: NetworkLink,
): Promise<string[]> {
  const found = await listNeighbors(socket, { ifindex: link.ifindex });
  return found
    .filter((each) => wanted.includes(each.address) && each.state !== 'noarp')
    .map((each) => formatNeighbor(each, () => link.name));
}
