import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { PodNetwork } from '../../contract/network.ts';

/** Sums of a pod's removed devices, in the order of the counters; u64 each. */
export type CarriedCounters = readonly bigint[];

/** A pod as the books know it. */
export interface PodRecord {
  id: string;
  /** Names the pod in sample frames; never given twice. */
  number: number;
  namespace: string;
  name: string;
  labels: Record<string, string>;
  netnsPath: string;
  netnsInode: bigint;
  network: PodNetwork;
  createdAt: Date;
  removedAt: Date | null;
  carried: CarriedCounters;
}

/** A device that was given to a pod. */
export interface DeviceRecord {
  id: number;
  podId: string;
  kind: DeviceKind;
  /** Where its programs are. */
  hooks: HookFamily;
  slot: number;
  primaryName: string;
  primaryMac: string | null;
  peerMac: string | null;
  createdAt: Date;
}

export type NewPodRecord = Omit<PodRecord, 'number' | 'removedAt' | 'carried' | 'createdAt'>;
export type NewDeviceRecord = Omit<DeviceRecord, 'id' | 'createdAt'>;

/** Which part of a list, newest first. */
export interface Page {
  /** The `next` of the page before this one. */
  before?: string | undefined;
  limit: number;
  /** Only this pod's, by id. */
  pod?: string | undefined;
}

export interface PageOf<T> {
  items: T[];
  next: string | null;
}
