import type { DeviceKind } from '../../../../contract/device.ts';
import type { PathService, PathTranslator, PodPath } from '../../../../contract/pod-path.ts';
import type { ContainerHop, DeviceHop, HostHop, UplinkHop } from './path-hops.ts';
import type { PodPathRates } from './program-rates.ts';
import type { RatesByPath } from './rates-by-path.ts';

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
  /** True if packets that the pod sends to pods of the node are redirected. */
  redirect: boolean;
  /** Whose setting that is. */
  redirectSetting: PodPath['redirectSetting'];
  /** What may translate addresses without the redirect knowing. */
  translators: readonly PathTranslator[];
  /** Services of the cluster that the pod has connections to. */
  services: readonly PathService[];
  rates: PodPathRates | null;
  /** Mean run time in ns over the last second by program id, for the whole node. */
  nsPerRun: ReadonlyMap<number, number>;
  /** True while samples arrive; otherwise the dashes of the packet flows stop moving. */
  live: boolean;
}
