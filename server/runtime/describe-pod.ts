import type {
  ObservedInterface as DescribedInterface,
  ObservedPod as DescribedPod,
  ObservedCountersTotal,
} from '../../contract/observed-pod.ts';
import type { ObservedCounters } from '../bpf/observe-program.ts';
import type { KernelDropCounters } from '../counters/kernel-drop-counters.ts';
import { toDeviceEnd } from '../datapath/pods/read-pod.ts';
import { readCommand } from '../kernel/control-groups.ts';
import { formatRoute } from '../netlink/iproute2-format.ts';
import { getLink } from '../netlink/link.ts';
import type { NetworkLink } from '../netlink/link-message.ts';
import { listNeighbors } from '../netlink/neighbor.ts';
import { listQueueLeases, type QueueLease } from '../netlink/queue-lease.ts';
import { listRoutes } from '../netlink/route.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { explainMissingEnd } from './counting/interface-counting.ts';
import { listHostEndPrograms } from './counting/list-hook-programs.ts';
import { type ObservedInterface, type ObservedPod, sumObservedCounters } from './observed-pod.ts';
import type { ObservedPods } from './observed-pods.ts';
import { summarizeObservedPod } from './summarize-pod.ts';

/** Maximum number of processes that are listed. */
const maxMembers = 32;
/** Neighbors and routes that are listed. */
const maxEntries = 512;

/** What a description takes from the rest of the agent. */
interface DescribeContext {
  observed: ObservedPods;
  drops: Pick<KernelDropCounters, 'read'>;
  /** Ids of all of Podlane's programs. */
  ourPrograms(): readonly number[];
}

/**
 * Describes an observed pod, with what the kernel has now. A host-network pod has neither interfaces nor routes.
 * @throws ProblemError `observed_pod_not_found`
 */
export async function describeObservedPod(context: DescribeContext, id: string): Promise<DescribedPod> {
  const { observed, drops } = context;
  const summary = observed.summary(id);
  if (summary.hostNetwork) {
    const known = observed.hostNetworkPod(id)?.pod;
    return {
      ...summary,
      netns: { path: '/proc/1/ns/net', mounts: [], namespaceId: null },
      uid: known?.uid ?? null,
      annotations: { ...known?.annotations },
      containers: [...(known?.containers ?? [])],
      controlGroups: [],
      publishedPorts: [...(known?.publishedPorts ?? [])],
      members: [],
      interfaces: [],
      counters: null,
      drops: { ...drops.read(summary.number), available: false, detail: 'its drops are those of the node' },
      routes: [],
      neighbors: [],
      sameAddress: [],
    };
  }
  const pod = observed.require(id);
  using host = NetlinkSocket.open();
  const { mounts, path } = observed.pathsOf(pod);
  const { pids, controlGroups } = observed.processesOf(pod);
  const inside = await readInside(observed, pod);
  const leases = pod.interfaces.some(({ kind }) => kind === 'netkit') ? await readLeases() : [];
  const ours = new Set(context.ourPrograms());
  const interfaces: DescribedInterface[] = [];
  for (const each of pod.interfaces)
    interfaces.push(
      await describeInterface(observed, host, pod, each, {
        leases,
        ours,
        link: inside.links.get(each.ifindex) ?? null,
      }),
    );
  return {
    ...summarizeObservedPod(pod),
    netns: { path, mounts: [...mounts], namespaceId: pod.namespaceId },
    uid: pod.identity.uid,
    annotations: { ...pod.identity.annotations },
    containers: [...pod.identity.containers],
    controlGroups: [...controlGroups],
    publishedPorts: [...pod.identity.publishedPorts],
    members: pids.slice(0, maxMembers).flatMap((pid) => {
      const command = readCommand(pid);
      return command === null ? [] : { pid, command };
    }),
    interfaces,
    counters: toTotals(sumObservedCounters(pod)),
    drops: drops.read(pod.number),
    routes: inside.routes,
    neighbors: inside.neighbors,
    sameAddress: findSameAddresses(observed, pod),
  };
}

async function describeInterface(
  observed: ObservedPods,
  host: NetlinkSocket,
  pod: ObservedPod,
  each: ObservedInterface,
  {
    leases,
    ours,
    link,
  }: { leases: readonly NamedLease[]; ours: ReadonlySet<number>; link: NetworkLink | null },
): Promise<DescribedInterface> {
  const { hostEnd, counting, counters } = each;
  const netkit = each.link.netkit;
  const statistics = link?.stats ?? null;
  return {
    name: each.name,
    ifindex: each.ifindex,
    kind: each.kind,
    mode: netkit?.mode ?? each.link.mode ?? null,
    mtu: each.link.mtu,
    mac: each.link.mac,
    up: each.link.running,
    addresses: each.addresses,
    hostEnd: hostEnd && { ...toDeviceEnd(hostEnd.link), bridge: hostEnd.bridge },
    parent: each.parent,
    elsewhere: hostEnd !== null || each.parent !== null ? null : explainMissingEnd(each),
    netkit: netkit && {
      pairing: netkit.pairing ?? 'pair',
      policy: netkit.policy,
      hostPolicy: netkit.peerPolicy,
      scrub: netkit.scrub,
      leasedQueues: leases
        .filter(({ lease: { to } }) => to.ifindex === each.ifindex && to.namespaceId === pod.namespaceId)
        .map(({ lease: { of, to }, name }) => ({
          queue: to.queue,
          type: to.type,
          of: { interface: name, queue: of.queue },
        })),
    },
    countedBy: counting.by,
    countedByReason: counting.reason,
    countedSince:
      counting.by === 'programs' && hostEnd
        ? (observed.countedSince(hostEnd.ifindex)?.toISOString() ?? null)
        : null,
    counters: counters && toTotals(counters),
    programs: hostEnd ? await listHostEndPrograms(host, hostEnd, ours) : [],
    statistics: statistics && {
      received: statistics.receive,
      sent: statistics.transmit,
    },
  };
}

const toTotals = (counters: ObservedCounters): ObservedCountersTotal => ({
  ingressPackets: Number(counters.ingressPackets),
  ingressBytes: Number(counters.ingressBytes),
  egressPackets: Number(counters.egressPackets),
  egressBytes: Number(counters.egressBytes),
});

/** Reads what the namespace has now; nothing if it cannot be opened. */
async function readInside(
  observed: ObservedPods,
  pod: ObservedPod,
): Promise<{ links: Map<number, NetworkLink> } & Pick<DescribedPod, 'routes' | 'neighbors'>> {
  const links = new Map<number, NetworkLink>();
  using namespace = observed.tryOpenNamespace(pod);
  if (namespace === null) return { links, routes: [], neighbors: [] };
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  for (const { ifindex } of pod.interfaces) {
    const link = await getLink(socket, { ifindex }, { stats: true });
    if (link) links.set(ifindex, link);
  }
  const nameOf = (ifindex: number): string | undefined => links.get(ifindex)?.name;
  const routes = await listRoutes(socket);
  const neighbors = await listNeighbors(socket);
  return {
    links,
    routes: routes.slice(0, maxEntries).map((route) => ({
      destination: route.destination,
      gateway: route.gateway,
      device: route.ifindex === null ? null : (nameOf(route.ifindex) ?? null),
      text: formatRoute(route, nameOf),
    })),
    neighbors: neighbors
      .filter(({ state, ifindex }) => state !== 'noarp' && links.has(ifindex))
      .slice(0, maxEntries)
      .map(({ address, mac, state, ifindex }) => ({
        address,
        mac,
        state: state.toUpperCase(),
        device: nameOf(ifindex) ?? '',
      })),
  };
}

interface NamedLease {
  lease: QueueLease;
  /** Name of the node's interface whose queue it is. */
  name: string;
}

/** Reads which queues of the node's interfaces others use. */
async function readLeases(): Promise<NamedLease[]> {
  using generic = NetlinkSocket.open('generic');
  using route = NetlinkSocket.open();
  const leases = await listQueueLeases(generic);
  const named: NamedLease[] = [];
  for (const lease of leases) {
    const link = await getLink(route, { ifindex: lease.of.ifindex });
    if (link) named.push({ lease, name: link.name });
  }
  return named;
}

function findSameAddresses(observed: ObservedPods, pod: ObservedPod): DescribedPod['sameAddress'] {
  const own = new Set(pod.interfaces.flatMap(({ addresses }) => addresses.map(withoutLength)));
  return observed
    .list()
    .filter((other) => other !== pod)
    .flatMap(({ id, interfaces }) =>
      interfaces.flatMap(({ addresses }) =>
        addresses.filter((address) => own.has(withoutLength(address))).map((address) => ({ id, address })),
      ),
    );
}

const withoutLength = (cidr: string): string => cidr.split('/', 1).join('');
