import type { Batch, BatchPod, BatchSummary } from '../../contract/batch.ts';
import type { HookFamily } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { Migration } from '../../contract/migration.ts';
import { ProblemError } from '../../contract/problem.ts';
import { sqliteAnswer } from './sqlite-error.ts';
import * as batches from './batches.ts';
import { PrismaClient } from './client/client.ts';
import * as events from './events.ts';
import * as journal from './migration-journal.ts';
import { openDatabase } from './open-database.ts';
import * as pods from './pods.ts';
import type {
  CarriedCounters,
  DeviceRecord,
  NewDeviceRecord,
  NewPodRecord,
  Page,
  PageOf,
  PodRecord,
} from './records.ts';
import { prune } from './retention.ts';
import * as ruleVersions from './rule-versions.ts';
import * as settings from './settings.ts';

/** Rows of history added between two prunings. */
const pruneEvery = 500;

export interface InventoryOptions {
  /** Path of the SQLite file; its folder is made when missing. */
  file: string;
  node: { name: string; bootId: string };
  /** Told of a pruning that failed; nothing else waits for it. */
  onPruneError?: (error: unknown) => void;
}

/**
 * What the kernel cannot hold: pods' names, their devices' history, the journal of migrations, events.
 * Satisfies the datapath's `Books`. Every write is in the file when its promise resolves: a killed agent
 * loses nothing it was told is done (a power cut may take the last writes, never the file's consistency).
 * All throw ProblemError `inventory_failed` with what SQLite answered.
 */
export class Inventory {
  readonly #prisma: PrismaClient;
  readonly #file: string;
  readonly #onPruneError: (error: unknown) => void;
  #writes: Promise<unknown> = Promise.resolve();
  #added = 0;

  /** @throws ProblemError `inventory_failed` when the file is corrupt, not writable, newer or in use */
  static async open(options: InventoryOptions): Promise<Inventory> {
    const connection = await openDatabase(options.file);
    // Prisma asks its adapter for one connection; it gets the one that is locked and checked.
    const adapter = {
      provider: connection.provider,
      adapterName: connection.adapterName,
      connect: async () => connection,
    } as const;
    const inventory = new Inventory(new PrismaClient({ adapter, errorFormat: 'minimal' }), options);
    try {
      await inventory.#sawNode(options.node);
      await inventory.prune();
    } catch (error) {
      await inventory.close();
      throw error;
    }
    return inventory;
  }

  private constructor(prisma: PrismaClient, { file, onPruneError }: InventoryOptions) {
    this.#prisma = prisma;
    this.#file = file;
    this.#onPruneError = onPruneError ?? (() => {});
  }

  /** Waits for the writes under way, then gives the file back. */
  async close(): Promise<void> {
    await this.#writes;
    await this.#prisma.$disconnect();
  }

  pods(): Promise<PodRecord[]> {
    return this.#ask('read the pods', () => pods.pods(this.#prisma));
  }

  devices(): Promise<DeviceRecord[]> {
    return this.#ask('read the devices', () => pods.devices(this.#prisma));
  }

  addPod(pod: NewPodRecord, device: NewDeviceRecord): Promise<{ pod: PodRecord; device: DeviceRecord }> {
    return this.#write(`add pod ${pod.namespace}/${pod.name}`, () => pods.addPod(this.#prisma, pod, device));
  }

  removePod(id: string): Promise<void> {
    return this.#write(`remove pod ${id}`, () => pods.removePod(this.#prisma, id));
  }

  forgetPod(id: string): Promise<void> {
    return this.#write(`forget pod ${id}`, () => pods.forgetPod(this.#prisma, id));
  }

  addDevice(device: NewDeviceRecord): Promise<DeviceRecord> {
    return this.#write(`add a device of pod ${device.podId}`, () => pods.addDevice(this.#prisma, device));
  }

  removeDevice(id: number, counters: CarriedCounters): Promise<void> {
    return this.#write(`remove device ${id}`, () => pods.removeDevice(this.#prisma, id, counters));
  }

  moveHooks(id: number, hooks: HookFamily): Promise<void> {
    return this.#write(`move the hooks of device ${id}`, () => pods.moveHooks(this.#prisma, id, hooks));
  }

  setting(scope: string, name: string): Promise<unknown> {
    return this.#ask(`read the setting ${name}`, () => settings.setting(this.#prisma, scope, name));
  }

  settings(name: string): Promise<Map<string, unknown>> {
    return this.#ask(`read the settings ${name}`, () => settings.settings(this.#prisma, name));
  }

  saveSetting(scope: string, name: string, value: unknown): Promise<void> {
    return this.#write(`save the setting ${name}`, () =>
      settings.saveSetting(this.#prisma, scope, name, value),
    );
  }

  async addMigration(migration: Migration): Promise<Migration> {
    const added = await this.#write(`open the journal of migration ${migration.id}`, () =>
      journal.addMigration(this.#prisma, migration),
    );
    this.#countAdded();
    return added;
  }

  saveMigration(migration: Migration): Promise<void> {
    return this.#write(`write the journal of migration ${migration.id}`, () =>
      journal.saveMigration(this.#prisma, migration),
    );
  }

  openMigrations(): Promise<Migration[]> {
    return this.#ask('read the open migrations', () => journal.openMigrations(this.#prisma));
  }

  /** @returns null when there is none of this id */
  migration(id: string): Promise<Migration | null> {
    return this.#ask(`read migration ${id}`, () => journal.migration(this.#prisma, id));
  }

  listMigrations(page: Page): Promise<PageOf<Migration>> {
    return this.#ask('list the migrations', () => journal.listMigrations(this.#prisma, page));
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
    return this.#ask('read the open batches', () => batches.openBatches(this.#prisma));
  }

  /** @returns null when there is none of this id */
  batch(id: string): Promise<Batch | null> {
    return this.#ask(`read batch ${id}`, () => batches.batch(this.#prisma, id));
  }

  listBatches(page: Page): Promise<PageOf<BatchSummary>> {
    return this.#ask('list the batches', () => batches.listBatches(this.#prisma, page));
  }

  async addRuleVersion(version: ruleVersions.NewRuleVersion): Promise<ruleVersions.RuleVersionRecord> {
    const added = await this.#write('add a version of the access rules', () =>
      ruleVersions.addRuleVersion(this.#prisma, version),
    );
    this.#countAdded();
    return added;
  }

  /** Takes back one that could not be put in force. */
  removeRuleVersion(number: number): Promise<void> {
    return this.#write(`remove version ${number} of the access rules`, () =>
      ruleVersions.removeRuleVersion(this.#prisma, number),
    );
  }

  /** @returns null where there were never any */
  lastRuleVersion(): Promise<ruleVersions.RuleVersionRecord | null> {
    return this.#ask('read the access rules', () => ruleVersions.lastRuleVersion(this.#prisma));
  }

  /** @returns null when there is none of this number */
  ruleVersion(number: number): Promise<ruleVersions.RuleVersionRecord | null> {
    return this.#ask(`read version ${number} of the access rules`, () =>
      ruleVersions.ruleVersion(this.#prisma, number),
    );
  }

  listRuleVersions(page: Page): Promise<PageOf<Omit<ruleVersions.RuleVersionRecord, 'text'>>> {
    return this.#ask('list the versions of the access rules', () =>
      ruleVersions.listRuleVersions(this.#prisma, page),
    );
  }

  async addEvent(event: Omit<Event, 'id' | 'time'>): Promise<Event> {
    const added = await this.#write(`add event ${event.type}`, () => events.addEvent(this.#prisma, event));
    this.#countAdded();
    return added;
  }

  listEvents(page: Page): Promise<PageOf<Event>> {
    return this.#ask('list the events', () => events.listEvents(this.#prisma, page));
  }

  /** Deletes history beyond what is kept, in small turns between other writes. */
  prune(limits?: Parameters<typeof prune>[2]): Promise<void> {
    return prune(this.#prisma, (work) => this.#write('delete old history', work), limits);
  }

  #sawNode({ name, bootId }: InventoryOptions['node']): Promise<unknown> {
    const seen = { bootId, lastSeen: new Date() };
    return this.#write(`record node ${name}`, () =>
      this.#prisma.node.upsert({ where: { name }, create: { name, ...seen }, update: seen }),
    );
  }

  #countAdded(): void {
    if (++this.#added % pruneEvery === 0) this.prune().catch(this.#onPruneError);
  }

  /**
   * One write at a time: the adapter has a single connection, so a write that came between another's BEGIN
   * and COMMIT would be acknowledged before it is in the file.
   */
  #write<T>(what: string, work: () => Promise<T>): Promise<T> {
    const done = this.#writes.then(() => this.#ask(what, work));
    this.#writes = done.catch(() => {});
    return done;
  }

  async #ask<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      const { code, message } = sqliteAnswer(error);
      throw new ProblemError('inventory_failed', `${what} in ${this.#file}: ${message} (${code})`, {
        cause: error,
        hint: `see that ${this.#file} is writable and its file system has space`,
      });
    }
  }
}
