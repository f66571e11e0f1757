import type { AgentEvent } from '../../contract/agent-event.ts';
import type { Batch, BatchPod, BatchSummary } from '../../contract/batch.ts';
import type { HookFamily } from '../../contract/device.ts';
import type { Migration } from '../../contract/migration.ts';
import type { PodNetwork } from '../../contract/pod-network.ts';
import { ProblemError } from '../../contract/problem.ts';
import { Mutex } from '../async/mutex.ts';
import * as batches from './batches.ts';
import { PrismaClient } from './client/client.ts';
import type { DatabaseConnection } from './database-connection.ts';
import * as events from './events.ts';
import * as journal from './migration-journal.ts';
import { openDatabase } from './open-database.ts';
import * as pods from './pods.ts';
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
  StoredPod,
} from './records.ts';
import { pruneHistory, type RetentionLimits } from './retention.ts';
import * as ruleVersions from './rule-versions.ts';
import * as settings from './scoped-settings.ts';
import { describeSqliteError } from './sqlite-error.ts';
import type { DatapathStore, HistoryStore, RuleStore } from './store-interfaces.ts';

/** Number of added history rows after which old history is pruned. */
export const rowsBetweenPrunings = 500;

export interface SqliteStoreOptions {
  /** Path of the SQLite file. A missing directory is created. */
  file: string;
  node: { name: string; bootId: string };
  /** Receives the error of a pruning that runs in the background. */
  onPruneError?: (error: unknown) => void;
  /** Called after every write that concerns a pod, with its record and devices; with null once it is removed. */
  onPodWritten?: (number: number, written: StoredPod | null) => void;
  /** Called before a pod is written that may get its device first, with its record and device. */
  onPodBegun?: (number: number, begun: StoredPod) => void;
  /** Called after every write of a setting of the node, with all of them. */
  onNodeSettingsWritten?: (settings: ScopedSettings) => void;
}

/**
 * Stores what the kernel cannot hold in one SQLite file: names of pods, the history of their devices, journals of
 * migrations and batches, versions of the access rules, settings, events. A write is in the file when its promise
 * resolves: a killed agent loses no acknowledged write. A power cut may lose the last writes, but never
 * leaves the file inconsistent. Every method throws ProblemError `store_failed` with SQLite's error.
 */
export class SqliteStore implements DatapathStore, RuleStore, HistoryStore {
  readonly #prisma: PrismaClient;
  /** Prisma's connection, for the statements that containers wait for. */
  readonly #connection: DatabaseConnection;
  readonly #file: string;
  readonly #onPruneError: (error: unknown) => void;
  readonly #onPodWritten: NonNullable<SqliteStoreOptions['onPodWritten']>;
  readonly #onPodBegun: NonNullable<SqliteStoreOptions['onPodBegun']>;
  readonly #onNodeSettingsWritten: NonNullable<SqliteStoreOptions['onNodeSettingsWritten']>;
  /**
   * Serializes writes: the adapter has a single connection, so a write between another's BEGIN and COMMIT would be
   * acknowledged before it is in the file.
   */
  readonly #writing = new Mutex();
  /** Prunings that were started in the background and have not ended. */
  readonly #pruning = new Set<Promise<void>>();
  #added = 0;
  /** Number of the next pod. */
  #nextPod = 1;

  /**
   * Opens the store.
   * @throws ProblemError `store_failed` if the file is corrupt, not writable, in use or from a newer version
   */
  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    const connection = await openDatabase(options.file);
    // Prisma asks its adapter for a connection and receives the one that is locked and checked.
    const adapter = {
      provider: connection.provider,
      adapterName: connection.adapterName,
      connect: async () => connection,
    } as const;
    const store = new SqliteStore(new PrismaClient({ adapter, errorFormat: 'minimal' }), connection, options);
    try {
      store.#nextPod = await pods.readNextPodNumber(connection);
      await store.#recordNode(options.node);
      await store.prune();
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  private constructor(prisma: PrismaClient, connection: DatabaseConnection, options: SqliteStoreOptions) {
    this.#prisma = prisma;
    this.#connection = connection;
    this.#onPodWritten = options.onPodWritten ?? (() => {});
    this.#onPodBegun = options.onPodBegun ?? (() => {});
    this.#onNodeSettingsWritten = options.onNodeSettingsWritten ?? (() => {});
    this.#file = options.file;
    this.#onPruneError = options.onPruneError ?? (() => {});
  }

  /** Waits for pending writes, then closes the file. */
  async close(): Promise<void> {
    await Promise.all(this.#pruning);
    await this.#writing.idle();
    await this.#prisma.$disconnect();
  }

  pods(): Promise<PodRecord[]> {
    return this.#read('read the pods', () => pods.readPodRecords(this.#prisma));
  }

  devices(): Promise<DeviceRecord[]> {
    return this.#read('read the devices', () => pods.readDeviceRecords(this.#prisma));
  }

  addPod(
    pod: NewPodRecord,
    device: NewDeviceRecord,
    settings: ScopedSettings = {},
  ): Promise<{ pod: PodRecord; device: DeviceRecord }> {
    return this.#addPod(pods.buildPodRecord(pod, this.#nextPod++), device, settings);
  }

  beginPod(
    pod: NewPodRecord,
    device: NewDeviceRecord,
    settings: ScopedSettings,
  ): { pod: PodRecord; write: () => Promise<DeviceRecord> } {
    const record = pods.buildPodRecord(pod, this.#nextPod++);
    const devices = [{ foreignIfindexes: null, ...device, id: 0, createdAt: record.createdAt }];
    this.#onPodBegun(record.number, { pod: record, devices, settings });
    return {
      pod: record,
      write: async () => {
        try {
          return (await this.#addPod(record, device, settings)).device;
        } catch (error) {
          this.#onPodWritten(record.number, null);
          throw error;
        }
      },
    };
  }

  #addPod(
    pod: PodRecord,
    device: NewDeviceRecord,
    settings: ScopedSettings,
  ): Promise<{ pod: PodRecord; device: DeviceRecord }> {
    return this.#write(`add pod ${pod.namespace}/${pod.name}`, async () => {
      const added = await pods.addPodRecord(this.#connection, pod, device, settings);
      this.#onPodWritten(pod.number, { pod, devices: [added], settings });
      return { pod, device: added };
    });
  }

  adoptPod(found: StoredPod): Promise<void> {
    const { namespace, name } = found.pod;
    this.#nextPod = Math.max(this.#nextPod, found.pod.number + 1);
    return this.#write(`adopt pod ${namespace}/${name}`, () => pods.adoptPodRecord(this.#prisma, found));
  }

  removePod(id: string): Promise<void> {
    return this.#write(`remove pod ${id}`, async () => {
      const number = await pods.markPodRemoved(this.#connection, id);
      if (number !== null) this.#onPodWritten(number, null);
    });
  }

  forgetPod(id: string): Promise<void> {
    return this.#write(`forget pod ${id}`, async () => {
      const number = await pods.deletePodRecord(this.#connection, id);
      if (number !== null) this.#onPodWritten(number, null);
    });
  }

  savePodLabels(id: string, labels: Record<string, string>): Promise<void> {
    return this.#write(`save the labels of pod ${id}`, () =>
      this.#withPod(id, () => pods.savePodLabels(this.#prisma, id, labels)),
    );
  }

  savePodNetwork(id: string, network: PodNetwork): Promise<void> {
    return this.#write(`save the network of pod ${id}`, () =>
      this.#withPod(id, () => pods.savePodNetwork(this.#prisma, id, network)),
    );
  }

  addDevice(device: NewDeviceRecord): Promise<DeviceRecord> {
    return this.#write(`add a device of pod ${device.podId}`, () =>
      this.#withPod(device.podId, () => pods.addDeviceRecord(this.#prisma, device)),
    );
  }

  removeDevice(id: number, counters: CarriedCounters): Promise<void> {
    return this.#write(`remove device ${id}`, () =>
      this.#withPodOfDevice(id, () => pods.markDeviceRemoved(this.#prisma, id, counters)),
    );
  }

  moveHooks(id: number, hooks: HookFamily): Promise<void> {
    return this.#write(`move the hooks of device ${id}`, () =>
      this.#withPodOfDevice(id, () => pods.saveDeviceHooks(this.#prisma, id, hooks)),
    );
  }

  saveDeviceMacs(id: number, macs: { primaryMac: string; peerMac: string }): Promise<void> {
    return this.#write(`save the MACs of device ${id}`, () =>
      this.#withPodOfDevice(id, () => pods.saveDeviceMacs(this.#prisma, id, macs)),
    );
  }

  setting(scope: string, name: string): Promise<unknown> {
    return this.#read(`read the setting ${name}`, () => settings.readSetting(this.#prisma, scope, name));
  }

  settings(name: string): Promise<Map<string, unknown>> {
    return this.#read(`read the settings ${name}`, () => settings.readSettings(this.#prisma, name));
  }

  settingsOf(scope: string): Promise<ScopedSettings> {
    return this.#read(`read the settings of ${scope}`, () => settings.readScope(this.#prisma, scope));
  }

  saveSetting(scope: string, name: string, value: unknown): Promise<void> {
    const save = (): Promise<void> => settings.saveSetting(this.#prisma, scope, name, value);
    return this.#write(`save the setting ${name}`, async () => {
      if (scope !== 'node') return this.#withPod(scope, save);
      await save();
      this.#onNodeSettingsWritten(await settings.readScope(this.#prisma, scope));
    });
  }

  async addMigration(migration: Migration, networkState: string | null = null): Promise<Migration> {
    const added = await this.#write(`open the journal of migration ${migration.id}`, () =>
      journal.addMigration(this.#prisma, migration, networkState),
    );
    this.#countAdded();
    return added;
  }

  saveMigration(migration: Migration): Promise<void> {
    return this.#write(`write the journal of migration ${migration.id}`, () =>
      journal.saveMigration(this.#prisma, migration),
    );
  }

  migrationNetworkState(id: string): Promise<string | null> {
    return this.#read(`read the network state of migration ${id}`, () =>
      journal.readNetworkState(this.#prisma, id),
    );
  }

  openMigrations(): Promise<Migration[]> {
    return this.#read('read the open migrations', () => journal.readOpenMigrations(this.#prisma));
  }

  migration(id: string): Promise<Migration | null> {
    return this.#read(`read migration ${id}`, () => journal.readMigration(this.#prisma, id));
  }

  listMigrations(page: PageRequest): Promise<ResultPage<Migration>> {
    return this.#read('list the migrations', () => journal.listMigrations(this.#prisma, page));
  }

  async lastMigration(podId: string): Promise<Migration | null> {
    const { items } = await this.listMigrations({ limit: 1, pod: podId });
    return items[0] ?? null;
  }

  async addBatch(batch: Batch): Promise<Batch> {
    const added = await this.#write(`open the journal of batch ${batch.id}`, () =>
      batches.addBatch(this.#prisma, batch),
    );
    this.#countAdded();
    return added;
  }

  saveBatch(batch: BatchSummary): Promise<void> {
    return this.#write(`write the journal of batch ${batch.id}`, () =>
      batches.saveBatch(this.#prisma, batch),
    );
  }

  saveBatchPod(batchId: string, pod: BatchPod): Promise<void> {
    return this.#write(`write pod ${pod.podId} of batch ${batchId}`, () =>
      batches.saveBatchPod(this.#prisma, batchId, pod),
    );
  }

  openBatches(): Promise<Batch[]> {
    return this.#read('read the open batches', () => batches.readOpenBatches(this.#prisma));
  }

  batch(id: string): Promise<Batch | null> {
    return this.#read(`read batch ${id}`, () => batches.readBatch(this.#prisma, id));
  }

  listBatches(page: PageRequest): Promise<ResultPage<BatchSummary>> {
    return this.#read('list the batches', () => batches.listBatches(this.#prisma, page));
  }

  async addRuleVersion(version: NewRuleVersion): Promise<RuleVersionRecord> {
    const added = await this.#write('add a version of the access rules', () =>
      ruleVersions.addRuleVersion(this.#prisma, version),
    );
    this.#countAdded();
    return added;
  }

  adoptRuleVersion(version: RuleVersionRecord): Promise<void> {
    return this.#write('adopt a version of the access rules', () =>
      ruleVersions.adoptRuleVersion(this.#prisma, version),
    );
  }

  removeRuleVersion(number: number): Promise<void> {
    return this.#write(`remove version ${number} of the access rules`, () =>
      ruleVersions.removeRuleVersion(this.#prisma, number),
    );
  }

  lastRuleVersion(): Promise<RuleVersionRecord | null> {
    return this.#read('read the access rules', () => ruleVersions.readLastRuleVersion(this.#prisma));
  }

  ruleVersion(number: number): Promise<RuleVersionRecord | null> {
    return this.#read(`read version ${number} of the access rules`, () =>
      ruleVersions.readRuleVersion(this.#prisma, number),
    );
  }

  listRuleVersions(page: PageRequest): Promise<ResultPage<Omit<RuleVersionRecord, 'text'>>> {
    return this.#read('list the versions of the access rules', () =>
      ruleVersions.listRuleVersions(this.#prisma, page),
    );
  }

  async addEvent(event: NewEvent): Promise<AgentEvent> {
    const added = await this.#write(`add event ${event.type}`, () =>
      events.addEvent(this.#connection, event),
    );
    this.#countAdded();
    return added;
  }

  listEvents(page: PageRequest): Promise<ResultPage<AgentEvent>> {
    return this.#read('list the events', () => events.listEvents(this.#prisma, page));
  }

  /** Deletes history beyond `limits`, in small portions between other writes. */
  prune(limits?: RetentionLimits): Promise<void> {
    return pruneHistory(this.#prisma, (work) => this.#write('delete old history', work), limits);
  }

  #recordNode({ name, bootId }: SqliteStoreOptions['node']): Promise<unknown> {
    const seen = { bootId, lastSeen: new Date() };
    return this.#write(`record node ${name}`, () =>
      this.#prisma.node.upsert({ where: { name }, create: { name, ...seen }, update: seen }),
    );
  }

  async #withPodOfDevice<T>(id: number, work: () => Promise<T>): Promise<T> {
    return this.#withPod(await pods.findPodOfDevice(this.#prisma, id), work);
  }

  /** Runs a write that concerns a pod, and reports the pod's records afterwards. */
  async #withPod<T>(id: string | null, work: () => Promise<T>): Promise<T> {
    const before = id === null ? null : await pods.readStoredPod(this.#prisma, id);
    const result = await work();
    if (id === null || before === null) return result;
    this.#onPodWritten(before.pod.number, await pods.readStoredPod(this.#prisma, id));
    return result;
  }

  #countAdded(): void {
    this.#added += 1;
    if (this.#added % rowsBetweenPrunings !== 0) return;
    const pruning = this.prune()
      .catch(this.#onPruneError)
      .finally(() => this.#pruning.delete(pruning));
    this.#pruning.add(pruning);
  }

  #write<T>(operation: string, work: () => Promise<T>): Promise<T> {
    return this.#writing.run(() => this.#read(operation, work));
  }

  async #read<T>(operation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      const { code, message } = describeSqliteError(error);
      throw new ProblemError('store_failed', `${operation} in ${this.#file}: ${message} (${code})`, {
        cause: error,
        hint: `check that ${this.#file} is writable and its file system has free space`,
      });
    }
  }
}
