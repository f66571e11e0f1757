import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { Migration } from '../../contract/migration.ts';
import type { PodNetwork } from '../../contract/network.ts';
import type { BatchBooks } from './batch/books.ts';

/**
 * What the datapath asks of whoever keeps its books. The kernel is the truth about devices; the books
 * hold what the kernel cannot: names, history, the journal. Each call is durable when it resolves.
 */

/** Sums of a pod's removed devices, in the order of `counterFields` (`server/counters`). */
export type CarriedCounters = readonly bigint[];

export interface PodRecord {
  id: string;
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

export interface DatapathStore extends BatchBooks {
  /** Pods that are not removed, by number. */
  pods(): Promise<PodRecord[]>;
  /** Devices that are not removed; a pod in a migration has two. */
  devices(): Promise<DeviceRecord[]>;
  /** Pod and its first device in one transaction, before the kernel is asked for anything. */
  addPod(pod: NewPodRecord, device: NewDeviceRecord): Promise<{ pod: PodRecord; device: DeviceRecord }>;
  /** Marks the pod and all its devices removed. */
  removePod(id: string): Promise<void>;
  /** Takes back an `addPod` whose device could not be made: no trace stays. */
  forgetPod(id: string): Promise<void>;
  addDevice(device: NewDeviceRecord): Promise<DeviceRecord>;
  /** Marks the device removed and adds `counters` to the pod's carried sums, in one transaction. */
  removeDevice(id: number, counters: CarriedCounters): Promise<void>;

  /** The device's programs are on these hooks from now on. */
  moveHooks(id: number, hooks: HookFamily): Promise<void>;

  /** What was chosen for the node (scope `node`) or a pod (its id); null where nobody chose. */
  setting(scope: string, name: string): Promise<unknown>;
  /** All settings of one name, by scope. */
  settings(name: string): Promise<Map<string, unknown>>;
  /** `null` takes the choice back. */
  saveSetting(scope: string, name: string, value: unknown): Promise<void>;

  /** A new journal. `migration.number` and `startedAt` are the books' to give; `migration.number` is ignored. */
  addMigration(migration: Migration): Promise<Migration>;
  /** Replaces the journal's state, steps, result and error. */
  saveMigration(migration: Migration): Promise<void>;
  /** Journals in state `running`: what a killed agent left open. */
  openMigrations(): Promise<Migration[]>;

  addEvent(event: Omit<Event, 'id' | 'time'>): Promise<Event>;
}
