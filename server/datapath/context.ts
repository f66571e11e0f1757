import type { Logger } from 'pino';
import type { Migration } from '../../contract/migration.ts';
import type { DatapathStore } from '../store/port.ts';
import type { PodRecord } from '../store/records.ts';
import { removeAllUserPrograms } from './device/user-hooks.ts';
import type { KernelContext } from './kernel-context.ts';
import type { LivePod, PodRegistry } from './pod-registry.ts';
import type { SlotAllocator } from './slot-allocator.ts';

/** A pod as access rules know it. */
export interface PolicyEndpoint {
  id: string;
  /** The owner of its slots. */
  number: number;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
}

/** What the datapath asks of the access rules. */
export interface AccessRules {
  /** Puts the rules in force for the pods there are, before a packet of theirs meets programs that were just loaded. */
  activate(programs: KernelContext['programs'], pods: readonly PolicyEndpoint[]): Promise<void>;
  /**
   * Makes the rules hold for a pod that is about to get a device.
   * @throws ProblemError where they cannot
   */
  addPod(pod: PolicyEndpoint): Promise<void>;
  /** The pod is no longer one of this node, or never became one. */
  removePod(id: string): void;
}

export type NewEvent = Parameters<DatapathStore['addEvent']>[0];

/** What the parts of the datapath share: the kernel's side, the store, who is here, and whom to tell. */
export interface DatapathContext {
  kernel: KernelContext;
  store: DatapathStore;
  registry: PodRegistry;
  slots: SlotAllocator;
  rules: AccessRules | null;
  log: Logger;
  publish: {
    /** Something about the pod changed. */
    pod(pod: LivePod): void;
    /** The pod is no longer one of this node. */
    removed(pod: LivePod): void;
    migration(migration: Migration): void;
    /** Writes an event and tells of it; a disk that is full must not make a failure of what has happened. */
    event(event: NewEvent): Promise<void>;
  };
}

export const policyEndpoint = ({
  id,
  number,
  namespace,
  name,
  labels,
  network,
}: PodRecord): PolicyEndpoint => {
  return { id, number, namespace, name, labels, addresses: network.addresses };
};

export const podName = ({ record }: LivePod): string => `${record.namespace}/${record.name}`;

/** Puts a sentence under the pod's key, or takes it back; a pod with sentences wants looking at. */
export function setCondition(
  context: DatapathContext,
  pod: LivePod,
  key: string,
  sentence: string | null,
): void {
  if ((pod.conditions.get(key) ?? null) === sentence) return;
  if (sentence === null) pod.conditions.delete(key);
  else pod.conditions.set(key, sentence);
  context.publish.pod(pod);
}

/** Takes a pod whose device is gone out of memory; the store know already. */
export async function forgetPod(
  context: DatapathContext,
  pod: LivePod,
  type: 'pod.detached' | 'pod.gone',
  message: string,
): Promise<void> {
  pod.gone = true;
  await removeAllUserPrograms(context.kernel, pod.record.number);
  await context.store
    .saveSetting(pod.record.id, 'programs', null)
    .catch((err: unknown) => context.log.warn({ err }));
  for (const device of pod.devices) context.slots.release(device.slot);
  context.registry.remove(pod);
  context.publish.removed(pod);
  await context.publish.event({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
}
