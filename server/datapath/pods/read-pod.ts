import { podContainerSchema } from '../../../contract/container.ts';
import type { AttachedProgram, Device, DeviceEnd } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { formatRoute } from '../../netlink/iproute2-format.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { type KernelNeighbor, listNeighbors } from '../../netlink/neighbor.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { listPodGateways } from '../device/pod-gateways.ts';
import { readAttachedPrograms } from '../device/podlane-programs.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { isPodGone } from '../pod-activity.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod, summarizePod } from '../pod-registry.ts';

/** Reads a pod's device, routes and neighbors from the kernel, never from memory. */
export async function readPod(kernel: KernelContext, pod: LivePod): Promise<Pod> {
  const record = pod.record;
  const base = {
    ...summarizePod(pod),
    annotations: pod.metadata.annotations,
    ports: [...pod.metadata.ports],
    kubernetes: pod.metadata.uid === null ? null : { uid: pod.metadata.uid },
    conditions: [...pod.conditions.values()],
    adoption: record.adoption,
    container: pod.container === null ? null : podContainerSchema.parse(pod.container),
    netns: { path: record.netnsPath, inode: Number(record.netnsInode) },
    network: record.network,
    gateways: listPodGateways(record.network),
  };
  const nothing = { device: null, routes: { pod: [], host: [] }, neighbors: { pod: [], host: [] } };
  if (isPodGone(pod)) return { ...base, ...nothing };

  using namespace = openPodNamespace(pod);
  const current = getCurrentDevice(pod);
  const [primary, inside] = await Promise.all([
    getLink(kernel.host, { ifindex: getPrimaryIfindex(current) }),
    listLinks(namespace.socket),
  ]);
  const peer = inside.find((link) => link.ifindex === getPeerIfindex(current));
  const programs = primary && peer ? await programsUnlessDeviceGone(kernel, current) : null;
  const nameInPod = (ifindex: number): string | undefined =>
    inside.find((link) => link.ifindex === ifindex)?.name;
  const nameOnHost = (ifindex: number): string | undefined =>
    ifindex === primary?.ifindex ? primary.name : undefined;
  return {
    ...base,
    device: primary && peer && programs ? deviceOf(current, primary, peer, programs) : null,
    routes: {
      pod: (await listRoutes(namespace.socket)).map((route) => routeOf(route, nameInPod)),
      host: (await listRoutes(kernel.host, { ifindex: getPrimaryIfindex(current) })).map((route) =>
        routeOf(route, nameOnHost),
      ),
    },
    neighbors: {
      pod: await neighborsOn(namespace.socket, getPeerIfindex(current), nameInPod),
      host: await neighborsOn(kernel.host, getPrimaryIfindex(current), nameOnHost),
    },
  };
}

/** Reads the programs of a device that another process may delete meanwhile. @returns null if it did */
async function programsUnlessDeviceGone(
  kernel: KernelContext,
  device: DeviceRecord,
): Promise<AttachedProgram[] | null> {
  try {
    return await readAttachedPrograms(kernel, device);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing') return null;
    throw error;
  }
}

export const toDeviceEnd = (link: NetworkLink): DeviceEnd => ({
  name: link.name,
  ifindex: link.ifindex,
  altnames: link.alternativeNames,
  mtu: link.mtu,
  mac: link.mac,
  up: link.running,
});

function deviceOf(
  record: DeviceRecord,
  primary: NetworkLink,
  peer: NetworkLink,
  programs: AttachedProgram[],
): Device {
  return {
    kind: record.kind,
    mode: primary.netkit?.mode ?? null,
    slot: record.slot,
    policy: toNetkitPolicies(primary),
    scrub: scrubOf(primary),
    hooks: record.hooks,
    primary: toDeviceEnd(primary),
    peer: toDeviceEnd(peer),
    programs,
    since: record.createdAt.toISOString(),
  };
}

export const toNetkitPolicies = (primary: NetworkLink): Device['policy'] =>
  primary.netkit?.policy && primary.netkit.peerPolicy
    ? { primary: primary.netkit.policy, peer: primary.netkit.peerPolicy }
    : null;

const scrubOf = (primary: NetworkLink): Device['scrub'] =>
  primary.netkit?.scrub && primary.netkit.peerScrub
    ? { primary: primary.netkit.scrub, peer: primary.netkit.peerScrub }
    : null;

type DeviceName = (ifindex: number) => string | undefined;

const routeOf = (route: KernelRoute, name: DeviceName): Pod['routes']['pod'][number] => ({
  destination: route.destination,
  gateway: route.gateway,
  device: route.ifindex === null ? null : (name(route.ifindex) ?? null),
  text: formatRoute(route, name),
});

async function neighborsOn(
  socket: NetlinkSocket,
  ifindex: number,
  name: DeviceName,
): Promise<Pod['neighbors']['pod']> {
  const found: KernelNeighbor[] = await listNeighbors(socket, { ifindex });
  return found
    .filter((each) => each.state !== 'noarp')
    .map((each) => ({
      address: each.address,
      mac: each.mac,
      state: each.state.toUpperCase(),
      device: name(ifindex) ?? '',
    }));
}
