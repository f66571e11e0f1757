import type { AttachedProgram, Device, DeviceEnd } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { getLink, type Link, links } from '../../netlink/link.ts';
import { type Neighbour, neighbours } from '../../netlink/neighbour.ts';
import { type Route, routes } from '../../netlink/route.ts';
import type { RtnetlinkSocket } from '../../netlink/socket.ts';
import { routeText } from '../../netlink/text.ts';
import { gatewaysOf } from '../device/next-hops.ts';
import { programsOn } from '../device/our-programs.ts';
import type { Ground } from '../kernel-context.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod, summarize } from '../pod-registry.ts';
import type { DeviceRecord } from '../store.ts';

/** A pod as the kernel shows it now: nothing here comes from memory that the kernel could contradict. */
export async function describePod(ground: Ground, pod: LivePod): Promise<Pod> {
  const record = pod.record;
  const base = {
    ...summarize(pod),
    netns: { path: record.netnsPath, inode: Number(record.netnsInode) },
    network: record.network,
    gateways: gatewaysOf(record.network),
  };
  const nothing = { device: null, routes: { pod: [], host: [] }, neighbours: { pod: [], host: [] } };
  if (pod.gone) return { ...base, ...nothing };

  using namespace = openPodNamespace(record);
  const current = currentDevice(pod);
  const [primary, inside] = await Promise.all([
    getLink(ground.host, { ifindex: primaryIfindex(current.slot) }),
    links(namespace.socket),
  ]);
  const peer = inside.find((link) => link.ifindex === peerIfindex(current.slot));
  const nameInPod = (ifindex: number): string | undefined =>
    inside.find((link) => link.ifindex === ifindex)?.name;
  const nameOnHost = (ifindex: number): string | undefined =>
    ifindex === primary?.ifindex ? primary.name : undefined;
  return {
    ...base,
    device: primary && peer ? deviceOf(current, primary, peer, await programsOn(ground, current)) : null,
    routes: {
      pod: (await routes(namespace.socket)).map((route) => routeOf(route, nameInPod)),
      host: (await routes(ground.host, { ifindex: primaryIfindex(current.slot) })).map((route) =>
        routeOf(route, nameOnHost),
      ),
    },
    neighbours: {
      pod: await neighboursOn(namespace.socket, peerIfindex(current.slot), nameInPod),
      host: await neighboursOn(ground.host, primaryIfindex(current.slot), nameOnHost),
    },
  };
}

export const endOf = (link: Link): DeviceEnd => ({
  name: link.name,
  ifindex: link.ifindex,
  altnames: link.alternativeNames,
  mtu: link.mtu,
  mac: link.mac,
  up: link.running,
});

function deviceOf(record: DeviceRecord, primary: Link, peer: Link, programs: AttachedProgram[]): Device {
  return {
    kind: record.kind,
    mode: primary.netkit?.mode ?? null,
    slot: record.slot,
    policy: policyOf(primary),
    scrub: scrubOf(primary),
    hooks: record.hooks,
    primary: endOf(primary),
    peer: endOf(peer),
    programs,
    since: record.createdAt.toISOString(),
  };
}

export const policyOf = (primary: Link): Device['policy'] =>
  primary.netkit?.policy && primary.netkit.peerPolicy
    ? { primary: primary.netkit.policy, peer: primary.netkit.peerPolicy }
    : null;

const scrubOf = (primary: Link): Device['scrub'] =>
  primary.netkit?.scrub && primary.netkit.peerScrub
    ? { primary: primary.netkit.scrub, peer: primary.netkit.peerScrub }
    : null;

type DeviceName = (ifindex: number) => string | undefined;

const routeOf = (route: Route, name: DeviceName): Pod['routes']['pod'][number] => ({
  destination: route.destination,
  gateway: route.gateway,
  device: route.ifindex === null ? null : (name(route.ifindex) ?? null),
  text: routeText(route, name),
});

async function neighboursOn(
  socket: RtnetlinkSocket,
  ifindex: number,
  name: DeviceName,
): Promise<Pod['neighbours']['pod']> {
  const found: Neighbour[] = await neighbours(socket, { ifindex });
  return found
    .filter((each) => each.state !== 'noarp')
    .map((each) => ({
      address: each.address,
      mac: each.mac,
      state: each.state.toUpperCase(),
      device: name(ifindex) ?? '',
    }));
}
