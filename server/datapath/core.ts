import type { Logger } from 'pino';
import type { Migration } from '../../contract/migration.ts';
import type { Books } from './books.ts';
import type { Ground } from './ground.ts';
import type { LivePod, Registry } from './registry.ts';
import type { Slots } from './slots.ts';

export type NewEvent = Parameters<Books['addEvent']>[0];

/** What the parts of the datapath share: the kernel's side, the books, who is here, and whom to tell. */
export interface Core {
  ground: Ground;
  books: Books;
  registry: Registry;
  slots: Slots;
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

export const nameOf = ({ record }: LivePod): string => `${record.namespace}/${record.name}`;

/** Puts a sentence under the pod's key, or takes it back; a pod with sentences wants looking at. */
export function attend(core: Core, pod: LivePod, key: string, sentence: string | null): void {
  if ((pod.attention.get(key) ?? null) === sentence) return;
  if (sentence === null) pod.attention.delete(key);
  else pod.attention.set(key, sentence);
  core.tell.pod(pod);
}

/** Takes a pod whose device is gone out of memory; the books know already. */
export async function forget(
  core: Core,
  pod: LivePod,
  type: 'pod.detached' | 'pod.gone',
  message: string,
): Promise<void> {
  pod.gone = true;
  for (const device of pod.devices) core.slots.release(device.slot);
  core.registry.remove(pod);
  core.tell.removed(pod);
  await core.tell.event({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
}
