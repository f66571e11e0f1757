import type { Batch, BatchPod, BatchSummary } from '../../contract/batch.ts';
import type { HookFamily } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { Migration } from '../../contract/migration.ts';
import type {
  CarriedCounters,
  DeviceRecord,
  NewDeviceRecord,
  NewEvent,
  NewPodRecord,
  NewRuleVersion,
  PageRequest,
  PodRecord,
  ResultPage,
  RuleVersionRecord,
} from './records.ts';

// The storage ports of the capabilities, all implemented by `SqliteStore`. The kernel is the truth about devices and
// active rules; the store holds what the kernel cannot: names, history, journals, choices. A write is durable when its
// promise resolves. Every method throws ProblemError `store_failed` when the database fails.

/** Choices of users by scope: `node`, or the id of a pod. Values are JSON. */
export interface SettingStore {
  /** @returns null where nothing was chosen */
  setting(scope: string, name: string): Promise<unknown>;
  /** Values of one setting by scope. */
  settings(name: string): Promise<Map<string, unknown>>;
  /** @param value null removes the choice */
  saveSetting(scope: string, name: string, value: unknown): Promise<void>;
}

export interface EventStore {
  addEvent(event: NewEvent): Promise<Event>;
}

/** Pods and their devices. */
export interface PodStore {
  /** Pods that are not removed, by number. */
  pods(): Promise<PodRecord[]>;
  /** Devices that are not removed; a pod that is being migrated has two. */
  devices(): Promise<DeviceRecord[]>;
  /** Adds a pod with its first device in one transaction, before anything is created in the kernel. */
  addPod(pod: NewPodRecord, device: NewDeviceRecord): Promise<{ pod: PodRecord; device: DeviceRecord }>;
  /** Marks the pod and all its devices as removed. */
  removePod(id: string): Promise<void>;
  /** Deletes a pod whose device could not be created; nothing of it stays in the history. */
  forgetPod(id: string): Promise<void>;
  addDevice(device: NewDeviceRecord): Promise<DeviceRecord>;
  /** Marks the device as removed and adds `counters` to the sums that its pod carries, in one transaction. */
  removeDevice(id: number, counters: CarriedCounters): Promise<void>;
  /** Records that the device's programs are attached to `hooks`. */
  moveHooks(id: number, hooks: HookFamily): Promise<void>;
}

/** Journals of migrations. */
export interface MigrationStore {
  /** Opens a journal. @returns it with `number` and `startedAt` as the store assigned them */
  addMigration(migration: Migration): Promise<Migration>;
  /** Replaces the journal's state, steps, result and error. */
  saveMigration(migration: Migration): Promise<void>;
  /** Journals in state `running`, which a killed agent left open. */
  openMigrations(): Promise<Migration[]>;
  /** The newest migration of a pod. */
  lastMigration(podId: string): Promise<Migration | null>;
}

/** Journals of batches, which migrate many pods. */
export interface BatchStore {
  /** Adds a batch with its pods in one transaction. @returns it with `number` as the store assigned it */
  addBatch(batch: Batch): Promise<Batch>;
  /** Replaces the batch's state, reason and end. */
  saveBatch(batch: BatchSummary): Promise<void>;
  /** Replaces the progress of one pod of a batch. */
  saveBatchPod(batchId: string, pod: BatchPod): Promise<void>;
  /** Batches without an end, which a stopped agent left open. */
  openBatches(): Promise<Batch[]>;
}

/** Versions of the access rules. */
export interface RuleVersionStore {
  addRuleVersion(version: NewRuleVersion): Promise<RuleVersionRecord>;
  /** Deletes a version that could not be activated. */
  removeRuleVersion(number: number): Promise<void>;
  /** @returns null where there never were any rules */
  lastRuleVersion(): Promise<RuleVersionRecord | null>;
  /** @returns null when no version has this number */
  ruleVersion(number: number): Promise<RuleVersionRecord | null>;
  /** Versions without their texts. */
  listRuleVersions(page: PageRequest): Promise<ResultPage<Omit<RuleVersionRecord, 'text'>>>;
}

/** Ended migrations and batches, and events: what the API lists. */
export interface HistoryStore {
  /** @returns null when no migration has this id */
  migration(id: string): Promise<Migration | null>;
  listMigrations(page: PageRequest): Promise<ResultPage<Migration>>;
  /** @returns null when no batch has this id */
  batch(id: string): Promise<Batch | null>;
  listBatches(page: PageRequest): Promise<ResultPage<BatchSummary>>;
  listEvents(page: PageRequest): Promise<ResultPage<Event>>;
}

/** Storage port of the datapath. */
export interface DatapathStore extends PodStore, MigrationStore, BatchStore, SettingStore, EventStore {}

/** Storage port of the access rules. */
export interface RuleStore
  extends RuleVersionStore,
    Pick<SettingStore, 'setting' | 'saveSetting'>,
    EventStore {}
