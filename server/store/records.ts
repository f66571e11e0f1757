import type { AgentEvent } from '../../contract/agent-event.ts';
import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { PodNetwork } from '../../contract/pod-network.ts';

/**
 * Counter sums (u64) of a pod's removed devices, in the order of `counterIndexByName` (`server/bpf/counter-layout.ts`).
 */
export type CarriedCounters = readonly bigint[];

/** Pod record in the store. */
export interface PodRecord {
  id: string;
  /** Number that identifies the pod in sample frames; never reused. */
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

/** Record of a pod's device in the store. */
export interface DeviceRecord {
  id: number;
  podId: string;
  kind: DeviceKind;
  /** Hook family that the device's programs are attached to. */
  hooks: HookFamily;
  slot: number;
  primaryName: string;
  /** MAC address of the primary; null for a device without link-layer addresses, such as netkit in L3 mode. */
  primaryMac: string | null;
  peerMac: string | null;
  createdAt: Date;
}

/** The settings of a scope, by name. */
export type ScopedSettings = Record<string, unknown>;

/** A pod with its settings and devices, of which it has two during a migration. */
export interface StoredPod {
  pod: PodRecord;
  devices: DeviceRecord[];
  settings: ScopedSettings;
}

export type NewPodRecord = Omit<PodRecord, 'number' | 'removedAt' | 'carried' | 'createdAt'>;
export type NewDeviceRecord = Omit<DeviceRecord, 'id' | 'createdAt'>;
export type NewEvent = Omit<AgentEvent, 'id' | 'time'>;

/** Version of the access rules. The newest version is active; `text` is null if the version removed all rules. */
export interface RuleVersionRecord {
  /** Number of the rule version; never reused. */
  number: number;
  time: Date;
  actor: string;
  comment: string;
  /** Number of the earlier version that this version restored; null for a new rule set. */
  restored: number | null;
  /** Name of the rule set, or null if the set has no name. */
  name: string | null;
  /** Number of rules in the rule set. */
  rules: number;
  /** Rule set or NetworkPolicies in YAML or JSON as submitted; null for removed rules. */
  text: string | null;
}
export type NewRuleVersion = Omit<RuleVersionRecord, 'number'>;

/** Staged rule set, stored as a setting of the access rules. */
export interface StagedRulesRecord {
  /** Rule set or NetworkPolicies in YAML or JSON as submitted. */
  text: string;
  /** Number of the rule version that was active when the rules were staged. */
  base: number;
  actor: string;
  /** Time when the rules were staged, in ISO 8601 format. */
  time: string;
}

/** Request for one page of a list, newest first. */
export interface PageRequest {
  /** Cursor of the page: the `next` value of the previous page. */
  before?: string | undefined;
  limit: number;
  /** Id of the pod that the list is limited to. */
  pod?: string | undefined;
}

export interface ResultPage<T> {
  items: T[];
  next: string | null;
}
