import type { Logger } from 'pino';
import type { Migration } from '../../contract/migration.ts';
import { forgetUsers } from './device/user-hooks.ts';
import type { Ground } from './kernel-context.ts';
import type { LivePod, Registry } from './pod-registry.ts';
import type { Slots } from './slot-allocator.ts';
import type { DatapathStore, PodRecord } from './store.ts';

/** A pod as access rules know it. */
export interface RuledPod {
  id: string;
  /** The owner of its slots. */
  number: number;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
}

/** What the datapath asks of the access rules. */
export interface PodRules {
  /** Puts the rules in force for the pods there are, before a packet of theirs meets programs that were just loaded. */
  open(programs: Ground['programs'], pods: readonly RuledPod[]): Promise<void>;
  /**
   * Makes the rules hold for a pod that is about to get a device.
   * @throws ProblemError where they cannot
   */
  welcome(pod: RuledPod): Promise<void>;
  /** The pod is no longer one of this node, or never became one. */
  leave(id: string): void;
}

export type NewEvent = Parameters<DatapathStore['addEvent']>[0];

/** What the parts of the datapath share: the kernel's side, the books, who is here, and whom to tell. */
export interface DatapathContext {
  ground: Ground;
  books: DatapathStore;
  registry: Registry;
  slots: Slots;
  rules: PodRules | null;
  log: Logger;
  tell: {
    /** Something about the pod changed. */
    pod(pod: LivePod): void;
    /** The pod is no longer one of this node. */
    removed(pod: LivePod): void;
    migration(migration: Migration): void;
    /** Writes an event and tells of it; a disk that is full must not make a failure of what has happened. */
    event(event: NewEvent): Promise<void>;
  };
}

export const ruled = ({ id, number, namespace, name, labels, network }: PodRecord): RuledPod => {
  return { id, number, namespace, name, labels, addresses: network.addresses };
};

export const nameOf = ({ record }: LivePod): string => `${record.namespace}/${record.name}`;

/** Puts a sentence under the pod's key, or takes it back; a pod with sentences wants looking at. */
export function attend(core: DatapathContext, pod: LivePod, key: string, sentence: string | null): void {
  if ((pod.attention.get(key) ?? null) === sentence) return;
  if (sentence === null) pod.attention.delete(key);
  else pod.attention.set(key, sentence);
  core.tell.pod(pod);
}

/** Takes a pod whose device is gone out of memory; the books know already. */
export async function forget(
  core: DatapathContext,
  pod: LivePod,
  type: 'pod.detached' | 'pod.gone',
  message: string,
): Promise<void> {
  pod.gone = true;
  await forgetUsers(core.ground, pod.record.number);
  await core.books
    .saveSetting(pod.record.id, 'programs', null)
    .catch((err: unknown) => core.log.warn({ err }));
  for (const device of pod.devices) core.slots.release(device.slot);
  core.registry.remove(pod);
  core.tell.removed(pod);
  await core.tell.event({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
}
