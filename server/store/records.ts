import type { Adoption } from '../../contract/adoption.ts';
import type { AgentEvent } from '../../contract/agent-event.ts';
import type { CniDns } from '../../contract/cni-result.ts';
import type { PodContainer } from '../../contract/container.ts';
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
  /** What the pod was before it was adopted; null for a pod that Podlane attached. */
  adoption: Adoption | null;
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
  /** Interface indexes of a device that others made; null for one of Podlane's, whose indexes follow from the slot. */
  foreignIfindexes: { primary: number; peer: number } | null;
  createdAt: Date;
}

/** Name of the setting of a pod that holds the record of its container. */
export const containerSetting = 'container';

/** Record of the container that a pod was attached for, as the runtime identified it. */
export interface ContainerRecord extends PodContainer {
  /** Number of the call that attached it, by which a repeated call is recognized; null if the caller gave none. */
  request: string | null;
  /** Call by which the IPAM plugin gets its addresses back; null if Podlane gave them out. */
  release: { environment: Record<string, string>; config: string } | null;
  /** DNS settings of the result. */
  dns: CniDns;
}

/** The settings of a scope, by name. */
export type ScopedSettings = Record<string, unknown>;

/** A pod with its settings and devices, of which it has two during a migration. */
export interface StoredPod {
  pod: PodRecord;
  devices: DeviceRecord[];
  settings: ScopedSettings;
}

/** A pod to add; without `adoption`, one that Podlane attaches. */
export type NewPodRecord = Omit<PodRecord, 'number' | 'removedAt' | 'carried' | 'createdAt' | 'adoption'> &
  Partial<Pick<PodRecord, 'adoption'>>;
/** A device to add; without `foreignIfindexes`, one of Podlane's. */
export type NewDeviceRecord = Omit<DeviceRecord, 'id' | 'createdAt' | 'foreignIfindexes'> &
  Partial<Pick<DeviceRecord, 'foreignIfindexes'>>;
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
