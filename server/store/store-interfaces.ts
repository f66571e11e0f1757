import type { AgentEvent } from '../../contract/agent-event.ts';
import type { Batch, BatchPod, BatchSummary } from '../../contract/batch.ts';
import type { HookFamily } from '../../contract/device.ts';
import type { Migration } from '../../contract/migration.ts';
import type { PodNetwork } from '../../contract/pod-network.ts';
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
  ScopedSettings,
} from './records.ts';

// The storage ports of the capabilities, all implemented by `SqliteStore`. The kernel is the truth about devices and
// active rules; the store holds what the kernel cannot: names, history, journals, choices. A write is durable when its
// promise resolves. Every method throws ProblemError `store_failed` when the database fails.

/** Settings that users chose, by scope (`node` or a pod id). Values are JSON. */
export interface SettingStore {
  /** Reads a setting. @returns null if the setting was never saved */
  setting(scope: string, name: string): Promise<unknown>;
  /** Reads the values of one setting, by scope. */
  settings(name: string): Promise<Map<string, unknown>>;
  /** Reads all settings of a scope. */
  settingsOf(scope: string): Promise<ScopedSettings>;
  /** Saves a setting. @param value value of the setting as JSON; null deletes the setting */
  saveSetting(scope: string, name: string, value: unknown): Promise<void>;
}

export interface EventStore {
  addEvent(event: NewEvent): Promise<AgentEvent>;
}

/** Storage of pods and their devices. */
export interface PodStore {
  /** Lists the pods that are not removed, by number. */
  pods(): Promise<PodRecord[]>;
  /** Lists the devices that are not removed; a pod has two during a migration. */
  devices(): Promise<DeviceRecord[]>;
  /**
   * Adds a pod with its first device and its settings in one transaction; called before anything is created in the kernel.
   */
  addPod(
    pod: NewPodRecord,
    device: NewDeviceRecord,
    settings?: ScopedSettings,
  ): Promise<{ pod: PodRecord; device: DeviceRecord }>;
  /**
   * Begins to add a pod as `addPod` does: its record is in the kernel when this returns. An agent that finds that record there
   * and no pod in the store removes what belongs to it.
   * @returns the pod, and a function that writes it to the store
   */
  beginPod(
    pod: NewPodRecord,
    device: NewDeviceRecord,
    settings: ScopedSettings,
  ): { pod: PodRecord; write: () => Promise<DeviceRecord> };
  /** Marks a pod and all its devices as removed. */
  removePod(id: string): Promise<void>;
  /** Deletes a pod whose device could not be created, so that the history does not contain the pod. */
  forgetPod(id: string): Promise<void>;
  /** Replaces the labels of a pod. */
  savePodLabels(id: string, labels: Record<string, string>): Promise<void>;
  /** Replaces the network configuration of a pod. */
  savePodNetwork(id: string, network: PodNetwork): Promise<void>;
  addDevice(device: NewDeviceRecord): Promise<DeviceRecord>;
  /** Marks a device as removed and adds `counters` to the sums of its pod, in one transaction. */
  removeDevice(id: number, counters: CarriedCounters): Promise<void>;
  /** Records the hook family that a device's programs are attached to. */
  moveHooks(id: number, hooks: HookFamily): Promise<void>;
  /** Records the MAC addresses of a device's ends, which others may change. */
  saveDeviceMacs(id: number, macs: { primaryMac: string; peerMac: string }): Promise<void>;
}

/** Storage of migration journals. */
export interface MigrationStore {
  /** Opens a migration's journal. @returns the migration with the `number` and `startedAt` that the store assigned */
  addMigration(migration: Migration, networkState?: string | null): Promise<Migration>;
  /** Returns the network state that `addMigration` stored, which is kept until the migration ends; null without it. */
  migrationNetworkState(id: string): Promise<string | null>;
  /** Updates the state, steps, result and error of a migration's journal. */
  saveMigration(migration: Migration): Promise<void>;
  /** Lists the journals in the state `running`, which a killed agent left open. */
  openMigrations(): Promise<Migration[]>;
  /** Returns the newest migration of a pod, or null if the pod has none. */
  lastMigration(podId: string): Promise<Migration | null>;
}

/** Storage of batches, which migrate many pods. */
export interface BatchStore {
  /** Adds a batch with its pods in one transaction. @returns the batch with the `number` that the store assigned */
  addBatch(batch: Batch): Promise<Batch>;
  /** Updates a batch's state, reason and end time. */
  saveBatch(batch: BatchSummary): Promise<void>;
  /** Updates the progress of one pod in a batch. */
  saveBatchPod(batchId: string, pod: BatchPod): Promise<void>;
  /** Lists the batches without an end time, which a stopped agent left open. */
  openBatches(): Promise<Batch[]>;
}

/** Storage of the versions of the access rules. */
export interface RuleVersionStore {
  addRuleVersion(version: NewRuleVersion): Promise<RuleVersionRecord>;
  /** Deletes a rule version that could not be activated. */
  removeRuleVersion(number: number): Promise<void>;
  /** Returns the newest rule version. @returns null if rules were never applied */
  lastRuleVersion(): Promise<RuleVersionRecord | null>;
  /** Returns the rule version with this number. @returns null if there is none */
  ruleVersion(number: number): Promise<RuleVersionRecord | null>;
  /** Lists the rule versions without their texts. */
  listRuleVersions(page: PageRequest): Promise<ResultPage<Omit<RuleVersionRecord, 'text'>>>;
}

/** Storage of the history that the API lists: ended migrations, batches and events. */
export interface HistoryStore {
  /** Returns the migration with this id. @returns null if there is none */
  migration(id: string): Promise<Migration | null>;
  listMigrations(page: PageRequest): Promise<ResultPage<Migration>>;
  /** Returns the batch with this id. @returns null if there is none */
  batch(id: string): Promise<Batch | null>;
  listBatches(page: PageRequest): Promise<ResultPage<BatchSummary>>;
  listEvents(page: PageRequest): Promise<ResultPage<AgentEvent>>;
}

/** Storage that the datapath needs. */
export interface DatapathStore extends PodStore, MigrationStore, BatchStore, SettingStore, EventStore {}

/** Storage that the access rules need. */
export interface RuleStore
  extends RuleVersionStore,
    Pick<SettingStore, 'setting' | 'saveSetting'>,
    EventStore {}
