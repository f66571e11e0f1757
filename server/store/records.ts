import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { PodNetwork } from '../../contract/network.ts';

/** Sums of the counters of a pod's removed devices, u64 each, in the order of `counterFields` (`server/bpf`). */
export type CarriedCounters = readonly bigint[];

/** A pod as the store holds it. */
export interface PodRecord {
  id: string;
  /** Identifies the pod in sample frames; never reused. */
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

/** A device of a pod as the store holds it. */
export interface DeviceRecord {
  id: number;
  podId: string;
  kind: DeviceKind;
  /** The hook family that its programs are attached to. */
  hooks: HookFamily;
  slot: number;
  primaryName: string;
  /** Null for a device without link-layer addresses: netkit in L3 mode. */
  primaryMac: string | null;
  peerMac: string | null;
  createdAt: Date;
}

export type NewPodRecord = Omit<PodRecord, 'number' | 'removedAt' | 'carried' | 'createdAt'>;
export type NewDeviceRecord = Omit<DeviceRecord, 'id' | 'createdAt'>;
export type NewEvent = Omit<Event, 'id' | 'time'>;

/** A version of the access rules. The newest one is active; `text` is null where it removed all rules. */
export interface RuleVersionRecord {
  /** Never reused. */
  number: number;
  time: Date;
  actor: string;
  comment: string;
  /** The version that this one applied again. */
  restored: number | null;
  /** Name of the rule set. */
  name: string | null;
  /** Number of rules. */
  rules: number;
  /** YAML, as the user wrote it. */
  text: string | null;
}
export type NewRuleVersion = Omit<RuleVersionRecord, 'number'>;

/** The staged rule set, as the setting of the access rules holds it. */
export interface StagedRulesRecord {
  /** YAML, as the user wrote it. */
  text: string;
  /** The version that was active when the rules were staged. */
  base: number;
  actor: string;
  /** ISO 8601. */
  time: string;
}

/** Selects a part of a list, newest first. */
export interface PageRequest {
  /** `next` of the page before this one. */
  before?: string | undefined;
  limit: number;
  /** Id of the pod that the list is limited to. */
  pod?: string | undefined;
}

export interface ResultPage<T> {
  items: T[];
  next: string | null;
}
