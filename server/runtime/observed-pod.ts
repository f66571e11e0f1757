import type { CountedBy, ObservedKind } from '../../contract/observed-pod.ts';
import type { ObservedCounters } from '../bpf/observe-program.ts';
import type { NetworkLink } from '../netlink/link-message.ts';
import type { PodIdentity } from './identity.ts';

/** The node's end of a veth or netkit pair. */
export interface HostEnd {
  name: string;
  ifindex: number;
  /** The bridge that it is a port of. */
  bridge: { name: string; ifindex: number } | null;
  link: NetworkLink;
}

/** How the packets of an interface are counted. */
export interface InterfaceCounting {
  by: CountedBy;
  /** The end whose packets are counted. */
  at: 'host' | 'pod';
  /** Why no program counts although one was to. */
  reason: string | null;
}

/** An interface of a namespace that leads out of it. */
export interface ObservedInterface {
  name: string;
  ifindex: number;
  kind: ObservedKind;
  link: NetworkLink;
  addresses: string[];
  hostEnd: HostEnd | null;
  /** Interface of the node that a macvlan or ipvlan is on. */
  parent: { name: string; ifindex: number } | null;
  counting: InterfaceCounting;
  /** Last counters read; null before the first. */
  counters: ObservedCounters | null;
}

/**
 * A pod that others made: a network namespace, known by its inode, with interfaces that lead out of it. Its fields change
 * as the kernel and the runtimes tell.
 */
export interface ObservedPod {
  /** `ns-` and the inode. */
  id: string;
  inode: number;
  /** Identifies the pod in sample frames and in the kernel's drop counters; not reused. */
  number: number;
  /** Id of its namespace in the node's; null if the node has none for it. */
  namespaceId: number | null;
  /** Interfaces in the order of their indexes; the first leads to the node if any does. */
  interfaces: ObservedInterface[];
  identity: PodIdentity;
  processes: number;
  since: Date;
  /** Counters of interfaces that it had and has no more, and the difference where an interface is counted otherwise now. */
  carried: ObservedCounters;
}

export const observedPodId = (inode: number): string => `ns-${inode}`;

/** Numbers of observed pods start here, those of Podlane's own pods below. */
export const firstObservedNumber = 2 ** 31;

export const addObservedCounters = (a: ObservedCounters, b: ObservedCounters): ObservedCounters => ({
  egressPackets: a.egressPackets + b.egressPackets,
  egressBytes: a.egressBytes + b.egressBytes,
  ingressPackets: a.ingressPackets + b.ingressPackets,
  ingressBytes: a.ingressBytes + b.ingressBytes,
});

export const subtractObservedCounters = (a: ObservedCounters, b: ObservedCounters): ObservedCounters => ({
  egressPackets: a.egressPackets - b.egressPackets,
  egressBytes: a.egressBytes - b.egressBytes,
  ingressPackets: a.ingressPackets - b.ingressPackets,
  ingressBytes: a.ingressBytes - b.ingressBytes,
});

/** Returns a pod's counters over all its interfaces. */
export const sumObservedCounters = ({ carried, interfaces }: ObservedPod): ObservedCounters =>
  interfaces.reduce(
    (sum, { counters }) => (counters === null ? sum : addObservedCounters(sum, counters)),
    carried,
  );
