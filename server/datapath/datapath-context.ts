import type { Logger } from 'pino';
import type { Migration } from '../../contract/migration.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import type { NewEvent, PodRecord } from '../store/records.ts';
import type { KernelContext } from './kernel-context.ts';
import type { LivePod, PodRegistry } from './pod-registry.ts';
import type { SlotAllocator } from './slot-allocator.ts';

/** A pod as the access rules see it: the subject and the peer of rules. */
export interface PolicyEndpoint {
  id: string;
  /** The owner number in the entries of the pod's slots. */
  number: number;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
}

/** Access rules as the datapath needs them; implemented by `server/acl`. */
export interface AccessRules {
  /** Activates the stored rules for the known pods before a packet of theirs meets programs that were just loaded. */
  activate(programs: KernelContext['programs'], pods: readonly PolicyEndpoint[]): Promise<void>;
  /**
   * Makes the active rules hold for a pod that is about to get a device.
   * @throws ProblemError when they cannot be loaded for it
   */
  addPod(pod: PolicyEndpoint): Promise<void>;
  /** Forgets a pod that left the node, or whose attachment failed. */
  removePod(id: string): void;
}

/** Shared by the parts of the datapath: the kernel side, the store, the live pods, and the way to publish changes. */
export interface DatapathContext {
  kernel: KernelContext;
  store: DatapathStore;
  registry: PodRegistry;
  slots: SlotAllocator;
  rules: AccessRules | null;
  log: Logger;
  publish: {
    /** Publishes the pod's summary after a change. */
    pod(pod: LivePod): void;
    /** Publishes that the pod is no longer one of this node. */
    removed(pod: LivePod): void;
    migration(migration: Migration): void;
    /** Stores an event and publishes it. Never fails: a full disk must not turn a success into a failure. */
    event(event: NewEvent): Promise<void>;
  };
}

/** Projects a pod's record to the fields that rules select by. */
export const toPolicyEndpoint = (record: PodRecord): PolicyEndpoint => {
  const { id, number, namespace, name, labels, network } = record;
  return { id, number, namespace, name, labels, addresses: network.addresses };
};

export const formatPodName = ({ record }: LivePod): string => `${record.namespace}/${record.name}`;

/** Sets or clears (null) a condition of the pod that needs attention, and publishes a change. */
export function setPodCondition(
  context: DatapathContext,
  pod: LivePod,
  key: string,
  message: string | null,
): void {
  if ((pod.conditions.get(key) ?? null) === message) return;
  if (message === null) pod.conditions.delete(key);
  else pod.conditions.set(key, message);
  context.publish.pod(pod);
}
