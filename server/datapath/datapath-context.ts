import type { Logger } from 'pino';
import type { Condition } from '../../contract/condition.ts';
import type { Migration } from '../../contract/migration.ts';
import type { PodPort } from '../../contract/pod-port.ts';
import type { DeviceRecord, NewEvent, PodRecord } from '../store/records.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import type { KernelContext, KernelDropReading } from './kernel-context.ts';
import type { PodDescriber, PodMetadata } from './pod-metadata.ts';
import type { LivePod, PodRegistry } from './pod-registry.ts';
import type { SlotAllocator } from './slot-allocator.ts';

/** Fields of a pod that access rules use to select the pod as subject or peer of a rule. */
export interface PolicyEndpoint {
  id: string;
  /** The pod's number, stored as the owner in its slot entries. */
  number: number;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
  /** Ports that rules can name. */
  ports: readonly PodPort[];
}

/** Interface to the access rules that the datapath needs; implemented by `server/acl`. */
export interface AccessRules {
  /** Activates the stored rules for the known pods before newly loaded programs see a packet. */
  activate(programs: KernelContext['programs'], pods: readonly PolicyEndpoint[]): Promise<void>;
  /**
   * Makes the active rules hold for a pod that is about to get a device.
   * @throws ProblemError when they cannot be loaded for it
   */
  addPod(pod: PolicyEndpoint): Promise<void>;
  /** Makes the rules hold for a pod as it is now: with other labels or ports. */
  changePod(pod: PolicyEndpoint): void;
  /** Removes a pod from the access rules after it left the node or could not be attached. */
  removePod(id: string): void;
}

/** Shared context of the datapath: kernel, store, live pods and publisher of changes. */
export interface DatapathContext {
  kernel: KernelContext;
  store: DatapathStore;
  registry: PodRegistry;
  slots: SlotAllocator;
  rules: AccessRules | null;
  /** Releases what a container has besides its device, before the store forgets its pod. Never throws. */
  releaseContainer: (pod: LivePod) => Promise<void>;
  /** Finds how the cluster describes a pod that is being attached. */
  describePod: PodDescriber;
  /** Conditions of the node by key, which concern all its pods. */
  nodeConditions: Map<string, Condition>;
  /** Reads a pod's kernel drops by reason, by the pod's number; null until they are counted. */
  readKernelDrops: ((podNumber: number) => KernelDropReading) | null;
  log: Logger;
  publish: {
    /** Publishes the summary of a changed pod. */
    pod(pod: LivePod): void;
    /** Publishes that a pod's new device is about to take traffic. */
    deviceReady(pod: LivePod, device: DeviceRecord): void;
    /** Publishes that a pod has left this node. */
    removed(pod: LivePod): void;
    migration(migration: Migration): void;
    /** Stores and publishes an event. Never throws, so that a full disk does not turn a success into a failure. */
    event(event: NewEvent): Promise<void>;
  };
}

/** Returns the fields of a pod record that access rules select by. */
export const toPolicyEndpoint = (record: PodRecord, { ports }: PodMetadata): PolicyEndpoint => {
  const { id, number, namespace, name, labels, network } = record;
  return { id, number, namespace, name, labels, addresses: network.addresses, ports };
};

export const formatPodName = ({ record }: LivePod): string => `${record.namespace}/${record.name}`;

/** Sets a condition of a pod, or clears it if `found` is null, and publishes the change. */
export function setPodCondition(
  context: DatapathContext,
  pod: LivePod,
  key: string,
  found: Omit<Condition, 'since'> | null,
): void {
  if (replaceCondition(pod.conditions, key, found)) context.publish.pod(pod);
}

/**
 * Sets or clears a condition among those of a pod or node. A changed text keeps the time at which the fault was found.
 * @returns false if nothing changed
 */
export function replaceCondition(
  conditions: Map<string, Condition>,
  key: string,
  found: Omit<Condition, 'since'> | null,
): boolean {
  const known = conditions.get(key);
  if (found === null) return conditions.delete(key);
  if (known?.message === found.message && known.remedy === found.remedy) return false;
  conditions.set(key, { ...found, since: known?.since ?? new Date().toISOString() });
  return true;
}
