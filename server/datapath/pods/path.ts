import type { Gate, PathHop, PodPath } from '../../../contract/path.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { readSysctl } from '../../kernel/procfs.ts';
import { addresses } from '../../netlink/address.ts';
import { getLink, type Link } from '../../netlink/link.ts';
import { neighbours } from '../../netlink/neighbour.ts';
import { routes } from '../../netlink/route.ts';
import type { RtnetlinkSocket } from '../../netlink/socket.ts';
import { neighbourText, routeText } from '../../netlink/text.ts';
import { hooksOf } from '../device/hooks.ts';
import { bare, gatewaysOf, hasIpv6 } from '../device/next-hops.ts';
import { programsOn } from '../device/our-programs.ts';
import type { Ground } from '../kernel-context.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { endOf, policyOf } from './read-pod.ts';

/** The way of a leaving packet, hop by hop, read from the kernel now. @throws ProblemError `device_missing` */
export async function tracePath(ground: Ground, pod: LivePod, others: readonly LivePod[]): Promise<PodPath> {
  using namespace = openPodNamespace(pod.record);
  const device = currentDevice(pod);
  const primary = await getLink(ground.host, { ifindex: primaryIfindex(device.slot) });
  const peer = await getLink(namespace.socket, { ifindex: peerIfindex(device.slot) });
  if (!primary || !peer)
    throw new ProblemError(
      'device_missing',
      `trace the path of ${pod.record.namespace}/${pod.record.name}: ${device.primaryName} (ifindex ${primaryIfindex(device.slot)}) is gone`,
      {
        hint: 'Something deleted the device; recreate the pod.',
      },
    );

  const programs = await programsOn(ground, device);
  const hooks = hooksOf[device.hooks];
  const gate = (direction: 'out' | 'in'): Gate => ({
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
      addresses: (await addresses(namespace.socket, { ifindex: peer.ifindex })).map((each) => each.address),
      ifindex: peer.ifindex,
      mtu: peer.mtu,
      routes: await defaultRoutes(namespace.socket, (ifindex) =>
        ifindex === peer.ifindex ? peer.name : undefined,
      ),
      neighbours: await neighboursOf(namespace.socket, gatewaysOf(pod.record.network), peer),
    },
    {
      type: 'device',
      kind: device.kind,
      mode: primary.netkit?.mode ?? null,
      slot: device.slot,
      policy: policyOf(primary),
      primary: endOf(primary),
      peer: endOf(peer),
      gates: [gate('out'), gate('in')],
    },
    await hostHop(ground, pod, primary),
    {
      type: 'pods',
      pods: others
        .filter((other) => other !== pod && !other.gone)
        .map((other) => ({
          id: other.record.id,
          namespace: other.record.namespace,
          name: other.record.name,
          kind: currentDevice(other).kind,
        })),
    },
  ];
  const uplink = await uplinkHop(ground);
  return {
    pod: pod.record.id,
    hops: uplink ? [...hops, uplink] : hops,
    redirect: ground.redirect,
    taken: null,
  };
}

async function hostHop(ground: Ground, pod: LivePod, primary: Link): Promise<PathHop> {
  const name = (ifindex: number): string | undefined =>
    ifindex === primary.ifindex ? primary.name : undefined;
  const { network } = pod.record;
  const addresses = network.addresses.map(bare);
  const toPod = (await routes(ground.host, { ifindex: primary.ifindex })).filter((route) =>
    addresses.includes(bare(route.destination)),
  );
  const uplink = await uplinkOf(ground);
  return {
    type: 'host',
    routes: toPod.map((route) => routeText(route, name)),
    neighbours: await neighboursOf(ground.host, addresses, primary),
    defaultRoutes: await defaultRoutes(ground.host, (ifindex) =>
      ifindex === uplink?.ifindex ? uplink.name : undefined,
    ),
    forwarding:
      readSysctl('net/ipv4/ip_forward') === '1' &&
      (!hasIpv6(network) || readSysctl('net/ipv6/conf/all/forwarding') === '1'),
    rpFilter: Math.max(
      Number(readSysctl('net/ipv4/conf/all/rp_filter')),
      Number(readSysctl(`net/ipv4/conf/${primary.name}/rp_filter`)),
    ),
  };
}

/** The device of the host's default route, if it has one. */
async function uplinkOf(ground: Ground): Promise<Link | null> {
  const route = (await routes(ground.host)).find(
    (each) => each.destination === 'default' && each.ifindex !== null,
  );
  return route?.ifindex ? getLink(ground.host, { ifindex: route.ifindex }, { stats: true }) : null;
}

async function uplinkHop(ground: Ground): Promise<PathHop | null> {
  const link = await uplinkOf(ground);
  if (!link?.stats) return null;
  return {
    type: 'uplink',
    name: link.name,
    ifindex: link.ifindex,
    mtu: link.mtu,
    addresses: (await addresses(ground.host, { ifindex: link.ifindex })).map((each) => each.address),
    rx: counted(link.stats.receive),
    tx: counted(link.stats.transmit),
  };
}

const counted = ({ packets, bytes, dropped }: { packets: number; bytes: number; dropped: number }) => ({
  packets,
  bytes,
  dropped,
});

async function defaultRoutes(
  socket: RtnetlinkSocket,
  name: (ifindex: number) => string | undefined,
): Promise<string[]> {
  const found = (await routes(socket)).filter((each) => each.destination === 'default');
  return found.map((route) => routeText(route, name));
}

async function neighboursOf(
  socket: RtnetlinkSocket,
  wanted: readonly string[],
  link: Link,
): Promise<string[]> {
  const found = await neighbours(socket, { ifindex: link.ifindex });
  return found
    .filter((each) => wanted.includes(each.address) && each.state !== 'noarp')
    .map((each) => neighbourText(each, () => link.name));
}
