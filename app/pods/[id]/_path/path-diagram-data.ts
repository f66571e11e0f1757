import type { AttachedProgram, DeviceKind } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';
import type { PathHop, PodPath } from '../../../../contract/path.ts';
import type { RatesByPath } from './rates-by-path.ts';

type Hop<T extends PathHop['type']> = Extract<PathHop, { type: T }>;
export type ContainerHop = Hop<'container'>;
export type DeviceHop = Hop<'device'>;
export type HostHop = Hop<'host'>;
export type UplinkHop = Hop<'uplink'>;

/** Rates of a pod's packets and bits over the last second. */
export interface PodPathRates {
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  egressRedirectedPackets: number;
  egressDroppedPackets: number;
  ingressDroppedPackets: number;
}

/** Rates per second in both directions; null before the second reading. */
export interface RatesByDirection {
  egress: number | null;
  ingress: number | null;
}

export interface OtherPodRates {
  id: string;
  namespace: string;
  name: string;
  kind: DeviceKind;
  /** Packets per second of the other pod's whole ingress traffic, not only of its traffic with this pod. */
  ingressPackets: number | null;
  egressPackets: number | null;
}

/** Data of the path diagram: the hops of a pod's path and the packet rates between them. */
export interface PathDiagramData {
  container: ContainerHop;
  device: DeviceHop | null;
  host: HostHop | null;
  uplink: UplinkHop | null;
  uplinkRates: { packets: RatesByDirection; bits: RatesByDirection };
  /** Other pods of the node, the busiest first. */
  pods: OtherPodRates[];
  traffic: RatesByPath;
  /** True if same-node redirect is on. */
  redirect: boolean;
  rates: PodPathRates | null;
  /** Mean run time in ns over the last second by program id, for the whole node. */
  nsPerRun: ReadonlyMap<number, number>;
  /** True while samples arrive; otherwise the dashes of the packet flows stop moving. */
  live: boolean;
}

/** Returns the hop of the given type; null if the path has none. A path has at most one hop of each type. */
export function findPathHop<T extends PathHop['type']>(path: PodPath, type: T): Hop<T> | null {
  return (path.hops.find((hop) => hop.type === type) as Hop<T> | undefined) ?? null;
}

/** Returns the hooks that packets of a direction pass, each with its programs in order of execution. */
export function listHooksWithPrograms(
  device: DeviceHop,
  direction: Direction,
): { hook: string; programs: AttachedProgram[] }[] {
  return device.hooks
    .filter((each) => each.direction === direction)
    .map(({ hook, programs }) => ({
      hook,
      programs: [...programs].sort((a, b) => a.position - b.position),
    }));
}

/** Returns true if a device's egress hook is on the host: always for veth, in attach fallback for netkit. */
export const isEgressHookOnHost = (device: DeviceHop | null): boolean =>
  device === null ||
  (device.hooks.find(({ direction }) => direction === 'egress')?.end ?? 'primary') === 'primary';

/** Returns the name of a network namespace, which is the last part of its path. */
export const formatNetnsName = (path: string): string => path.split('/').at(-1) || path;

/** Verdicts of a program on a pod's packets in the last second, as shares that add up to 1. */
export interface ProgramVerdictShares {
  pass: number;
  redirect: number;
  drop: number;
  dropsPerSecond: number;
}

/**
 * Returns the verdict shares of Podlane's program for a direction; null if the program did not run or before the first
 * rates.
 */
export function computeVerdictShares(
  rates: PodPathRates | null,
  direction: Direction,
): ProgramVerdictShares | null {
  if (rates === null) return null;
  const runs = computeProgramRunRate(rates, direction);
  if (runs <= 0) return null;
  const drops = direction === 'egress' ? rates.egressDroppedPackets : rates.ingressDroppedPackets;
  const redirect = direction === 'egress' ? rates.egressRedirectedPackets / runs : 0;
  return {
    pass: Math.max(0, 1 - redirect - drops / runs),
    redirect,
    drop: drops / runs,
    dropsPerSecond: drops,
  };
}

/** Returns the runs per second of Podlane's program for a direction: one run per packet, accepted or dropped. */
export const computeProgramRunRate = (rates: PodPathRates, direction: Direction): number =>
  direction === 'egress'
    ? rates.egressPackets + rates.egressDroppedPackets
    : rates.ingressPackets + rates.ingressDroppedPackets;

/** Returns the packets per second that Podlane's program accepted in a direction. */
export const getAcceptedPacketRate = (rates: PodPathRates, direction: Direction): number =>
  direction === 'egress' ? rates.egressPackets : rates.ingressPackets;
