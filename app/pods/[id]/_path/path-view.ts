import type { AttachedProgram, DeviceKind } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';
import type { PathHop, PodPath } from '../../../../contract/path.ts';
import type { TrafficSplit } from './traffic-split.ts';

type Hop<T extends PathHop['type']> = Extract<PathHop, { type: T }>;
export type ContainerHop = Hop<'container'>;
export type DeviceHop = Hop<'device'>;
export type HostHop = Hop<'host'>;
export type UplinkHop = Hop<'uplink'>;

/** What a pod's counters did in the last second, all per second; `out` leaves the pod. */
export interface PathRates {
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  egressRedirectedPackets: number;
  egressDroppedPackets: number;
  ingressDroppedPackets: number;
}

/** Packets per second at both ends of a stretch; null while there are no two readings to compare. */
export interface EdgeRates {
  egress: number | null;
  ingress: number | null;
}

export interface PathPod {
  id: string;
  namespace: string;
  name: string;
  kind: DeviceKind;
  /** All traffic of that pod, not only what it exchanges with this one. */
  ingressPackets: number | null;
  egressPackets: number | null;
}

/** What the path diagram draws: the hops, and the figures on them. */
export interface PathView {
  container: ContainerHop;
  device: DeviceHop | null;
  host: HostHop | null;
  uplink: UplinkHop | null;
  uplinkRates: { packets: EdgeRates; bits: EdgeRates };
  /** The busiest first. */
  pods: PathPod[];
  ways: TrafficSplit;
  /** True if same-node redirect is on. */
  redirect: boolean;
  rates: PathRates | null;
  /** ns per run over the last second by program id, on the whole node. */
  nsPerRun: ReadonlyMap<number, number>;
  /** Samples arrive; else the flow stands still. */
  live: boolean;
}

/** The hop of a type; a path holds each type at most once. */
export function findHop<T extends PathHop['type']>(path: PodPath, type: T): Hop<T> | null {
  return (path.hops.find((hop) => hop.type === type) as Hop<T> | undefined) ?? null;
}

/** The programs a packet of that direction meets, in order of execution. */
export function programsOnHooks(
  device: DeviceHop,
  direction: Direction,
): { hook: string; programs: AttachedProgram[] }[] {
  return device.gates
    .filter((gate) => gate.direction === direction)
    .map((gate) => ({
      hook: gate.hook,
      programs: [...gate.programs].sort((a, b) => a.position - b.position),
    }));
}

/** Whether the gate that leaving packets meet stands on the host: always with veth, with netkit in attach fallback. */
export const hooksAreOnHost = (device: DeviceHop | null): boolean =>
  device === null ||
  (device.gates.find(({ direction }) => direction === 'egress')?.end ?? 'primary') === 'primary';

/** A namespace's name: the last part of its path. */
export const netnsName = (path: string): string => path.split('/').at(-1) || path;

/** Shares of what a program did with the pod's packets in the last second; they add up to 1. */
export interface VerdictShares {
  pass: number;
  redirect: number;
  drop: number;
  dropsPerSecond: number;
}

/** Verdicts of our program of a direction; null where nothing ran or nothing was read. */
export function verdictShares(rates: PathRates | null, direction: Direction): VerdictShares | null {
  if (rates === null) return null;
  const runs = programRuns(rates, direction);
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

/** How often our program of a direction ran for this pod: once for each packet, accepted or dropped. */
export const programRuns = (rates: PathRates, direction: Direction): number =>
  direction === 'egress'
    ? rates.egressPackets + rates.egressDroppedPackets
    : rates.ingressPackets + rates.ingressDroppedPackets;

/** What went on after the program of that direction. */
export const acceptedPackets = (rates: PathRates, direction: Direction): number =>
  direction === 'egress' ? rates.egressPackets : rates.ingressPackets;
