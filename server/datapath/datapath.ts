import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { DeviceKind } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { Capability } from '../../contract/node.ts';
import type { PodPath } from '../../contract/path.ts';
import type { NewPod, Pod, PodSummary, TrafficReport } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { openDatapath } from '../bpf/datapath.ts';
import { primaryIfindex, slotOf } from '../bpf/layout.ts';
import { probe } from '../kernel/probe.ts';
import { getLink } from '../netlink/link.ts';
import { type NetworkWatch, watchLinks } from '../netlink/monitor.ts';
import { RtnetlinkSocket } from '../netlink/socket.ts';
import { admit, chooseKind, connect, deviceRow } from './attach.ts';
import type { Books } from './books.ts';
import { describePod } from './describe.ts';
import { removeDevice } from './device.ts';
import type { Ground } from './ground.ts';
import { Migrations } from './migrations.ts';
import { tracePath } from './path.ts';
import { namespaceLives, openPodNamespace } from './pod-namespace.ts';
import { reconcilePod } from './reconcile.ts';
import { asProblemError } from './refusal.ts';
import { currentDevice, type LivePod, Registry, summarize } from './registry.ts';
import { Slots } from './slots.ts';
import { readSteady } from './steady.ts';

export interface DatapathOptions {
  books: Books;
  pins: string;
  maxSlots: number;
  log: Logger;
}

export interface DatapathEvents {
  pod: [PodSummary];
  'pod-removed': [id: string];
  migration: [Migration];
  event: [Event];
}

/** What of a pod goes into a sample: its live devices' slots, the one that carries its traffic last. */
export interface CountedPod {
  id: string;
  number: number;
  slots: readonly number[];
  /** Of its network namespace. */
  netnsInode: bigint;
  kind: DeviceKind;
  /** Sums of its removed devices, in the order of `counterFields`. */
  carried: readonly bigint[];
  requests: { ok: number; failed: number } | null;
}

/** The time a vanished device's namespace is given to vanish too, before the loss counts as drift. */
const farewellMs = 200;

/** The pods of this node and their devices: attach, describe, migrate, detach. */
export class Datapath extends EventEmitter<DatapathEvents> {
  readonly #books: Books;
  readonly #ground: Ground;
  readonly #registry = new Registry();
  readonly #slots: Slots;
  readonly #migrations: Migrations;
  readonly #log: Logger;
  readonly #pending = new Set<string>();
  #watch: NetworkWatch | null = null;

  private constructor(options: DatapathOptions, ground: Ground) {
    super();
    this.#books = options.books;
    this.#ground = ground;
    this.#log = options.log;
    this.#slots = new Slots(ground.programs.maxSlots);
    this.#migrations = new Migrations(ground, options.books, this.#slots, options.log, {
      migration: (migration) => this.emit('migration', migration),
      pod: (pod) => this.emit('pod', summarize(pod)),
      event: (event) => this.#record(event),
      ended: (pod) => this.#lookForDevice(pod),
    });
  }

  /**
   * Probes the kernel, takes over what is pinned, and brings books and kernel to agree: open journals are ended,
   * pods that have ended are closed, missing devices made again.
   */
  static async open(options: DatapathOptions): Promise<Datapath> {
    const [capabilities, programs] = await Promise.all([
      probe(),
      openDatapath({ pins: options.pins, maxSlots: options.maxSlots }),
    ]);
    const ground: Ground = {
      host: RtnetlinkSocket.open(),
      programs,
      capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
    };
    const datapath = new Datapath(options, ground);
    await datapath.#takeOver();
    return datapath;
  }

  get capabilities(): Capability[] {
    return [...this.#ground.capabilities.values()];
  }

  get slots(): { used: number; max: number } {
    return { used: this.#slots.used, max: this.#slots.max };
  }

  /** SHA-256 of the loaded object. */
  get build(): string {
    return this.#ground.programs.build;
  }

  get counters(): Ground['programs']['counters'] {
    return this.#ground.programs.counters;
  }

  programIds(): readonly number[] {
    return this.#ground.programs.programIds;
  }

  summaries(): PodSummary[] {
    return this.#registry.all().map(summarize);
  }

  /** @returns the pod's id @throws ProblemError `pod_not_found` */
  find(idOrName: string): string {
    return this.#registry.must(idOrName).record.id;
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone` */
  describe(id: string): Promise<Pod> {
    return this.#refusals(() => {
      const pod = this.#registry.must(id);
      return readSteady(pod, () => describePod(this.#ground, pod));
    });
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone`, `device_missing` */
  path(id: string): Promise<PodPath> {
    return this.#refusals(() => {
      const pod = this.#registry.must(id);
      return readSteady(pod, () => tracePath(this.#ground, pod, this.#registry.all()));
    });
  }

  /**
   * Makes a network namespace a pod of this node. What fails leaves nothing behind.
   * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`, `interface_in_use`, `no_netkit`, `no_tcx`,
   * `no_slot`, `kernel_refused`
   */
  attach(wanted: NewPod): Promise<Pod> {
    return this.#refusals(() => this.#attach(wanted));
  }

  async #attach(wanted: NewPod): Promise<Pod> {
    const kind = chooseKind(this.#ground, wanted.kind);
    const netnsInode = admit(this.#registry, wanted);
    const keys = [`${wanted.namespace}.${wanted.name}`, wanted.address, String(netnsInode)];
    if (keys.some((key) => this.#pending.has(key)))
      throw new ProblemError(
        'pod_exists',
        `attach pod ${wanted.namespace}/${wanted.name}: it is being attached`,
        {
          hint: 'Wait for the other call to answer.',
        },
      );
    for (const key of keys) this.#pending.add(key);
    const slot = this.#slots.take();
    try {
      const { netns, ...rest } = wanted;
      const id = randomBytes(6).toString('hex');
      const kept = await this.#books.addPod(
        { id, ...rest, netnsPath: netns, netnsInode },
        deviceRow(id, kind, slot),
      );
      const pod: LivePod = {
        record: kept.pod,
        devices: [kept.device],
        migration: null,
        leaving: false,
        gone: false,
        attention: [],
        requests: null,
      };
      try {
        using namespace = openPodNamespace(kept.pod);
        await connect(this.#ground, namespace, kept.pod, kept.device);
      } catch (error) {
        await removeDevice(this.#ground, slot);
        await this.#books.forgetPod(id);
        throw error;
      }
      this.#registry.add(pod);
      this.emit('pod', summarize(pod));
      await this.#record({
        type: 'pod.attached',
        severity: 'info',
        podId: id,
        migrationId: null,
        message: `${wanted.namespace}/${wanted.name} attached by ${kind} ${kept.device.primaryName}`,
      });
      return await describePod(this.#ground, pod);
    } catch (error) {
      if (!this.#registry.ofSlot(slot)) this.#slots.release(slot);
      throw error;
    } finally {
      for (const key of keys) this.#pending.delete(key);
    }
  }

  /** Takes the pod's device away. @throws ProblemError `pod_not_found`, `migration_running` */
  detach(id: string): Promise<void> {
    return this.#refusals(async () => {
      const pod = this.#registry.must(id);
      const name = `${pod.record.namespace}/${pod.record.name}`;
      if (pod.migration)
        throw new ProblemError(
          'migration_running',
          `detach pod ${name}: migration ${pod.migration} is running`,
          {
            hint: 'Wait for it to end.',
          },
        );
      if (pod.leaving) return;
      pod.leaving = true;
      try {
        for (const device of pod.devices) await removeDevice(this.#ground, device.slot);
        await this.#books.removePod(pod.record.id);
      } catch (error) {
        pod.leaving = false;
        throw error;
      }
      await this.#forget(pod, 'pod.detached', `${name} detached`);
    });
  }

  /** What a migration would do; changes nothing. @throws ProblemError `pod_not_found`, `pod_gone`, `no_slot` */
  plan(id: string, to: DeviceKind, recreate = false): Promise<MigrationPlan> {
    return this.#refusals(() => this.#migrations.plan(this.#registry.must(id), to, recreate));
  }

  /**
   * Begins a migration; resolves once the journal has it.
   * @throws ProblemError `pod_not_found`, `pod_gone`, `migration_running`, `already_on_kind`, `no_netkit`, `no_tcx`,
   * `second_interface`, `host_not_ready`, `device_missing`, `interface_in_use`, `inventory_failed`
   */
  migrate(id: string, to: DeviceKind, actor: string, recreate = false): Promise<Migration> {
    return this.#refusals(() => this.#migrations.start(this.#registry.must(id), to, actor, recreate));
  }

  reportTraffic(report: TrafficReport): void {
    for (const [id, requests] of Object.entries(report.pods)) {
      const pod = this.#registry.get(id);
      if (pod) pod.requests = requests;
    }
    this.#migrations.noteRequests();
  }

  /** What the sampler reads: every pod, its slots and what it carries from removed devices. */
  all(): readonly CountedPod[] {
    return this.#registry
      .all()
      .filter((pod) => !pod.gone)
      .map(sampled);
  }

  get(id: string): CountedPod | undefined {
    const pod = this.#registry.get(id);
    return pod && !pod.gone ? sampled(pod) : undefined;
  }

  /** Waits for running migrations; devices, programs and counters stay as they are. */
  async close(): Promise<void> {
    this.#watch?.close();
    await this.#migrations.settled();
    this.#ground.host.close();
    this.#ground.programs.close();
  }

  async #takeOver(): Promise<void> {
    const devices = await this.#books.devices();
    for (const device of devices) this.#slots.reserve(device.slot);
    for (const record of await this.#books.pods())
      this.#registry.add({
        record,
        devices: devices.filter((device) => device.podId === record.id).sort((a, b) => a.id - b.id),
        migration: null,
        leaving: false,
        gone: false,
        attention: [],
        requests: null,
      });
    // Watched from before the state is read, so that nothing falls between.
    this.#watch = watchLinks((event) => {
      if (event.type === 'link' && event.deleted) this.#deleted(event.link.ifindex);
    });
    for (const migration of await this.#books.openMigrations())
      await this.#migrations.recover(migration, this.#registry.get(migration.podId));
    for (const pod of this.#registry.all()) await this.#reconcile(pod);
  }

  async #reconcile(pod: LivePod): Promise<void> {
    try {
      for (const finding of await reconcilePod(this.#ground, this.#books, this.#slots, pod)) {
        if (finding.kind === 'gone') await this.#forget(pod, 'pod.gone', finding.message);
        else
          await this.#record({
            type: 'drift',
            severity: 'warning',
            podId: pod.record.id,
            migrationId: null,
            message: finding.message,
          });
      }
    } catch (error) {
      const problem = asProblemError(error);
      this.#log.error({ err: problem, pod: pod.record.id }, 'reconcile');
      this.#attention(pod, problem.message);
    }
  }

  /** A primary was deleted: by us, with its pod's namespace, or by somebody else. */
  #deleted(ifindex: number): void {
    const slot = slotOf(ifindex);
    const pod = slot === null ? undefined : this.#registry.ofSlot(slot);
    if (!pod || pod.migration || pod.leaving) return;
    setTimeout(() => this.#lookForDevice(pod), farewellMs);
  }

  /** Tells when the pod has ended or its device was taken from it. A migration looks for itself, and at its end we do. */
  #lookForDevice(pod: LivePod): void {
    void this.#refusals(async () => {
      if (pod.migration || pod.leaving || pod.gone) return;
      const device = currentDevice(pod);
      if (await getLink(this.#ground.host, { ifindex: primaryIfindex(device.slot) })) return;
      if (!namespaceLives(pod.record)) return this.#reconcile(pod);
      this.#attention(pod, `${device.primaryName} was deleted`);
      await this.#record({
        type: 'drift',
        severity: 'error',
        podId: pod.record.id,
        migrationId: null,
        message: `${device.primaryName} of ${pod.record.namespace}/${pod.record.name} was deleted by someone else; the pod has no network`,
      });
    }).catch((error: unknown) => this.#log.error({ err: error }, 'look for a device'));
  }

  #attention(pod: LivePod, sentence: string): void {
    pod.attention = [...new Set([...pod.attention, sentence])];
    this.emit('pod', summarize(pod));
  }

  async #forget(pod: LivePod, type: 'pod.detached' | 'pod.gone', message: string): Promise<void> {
    pod.gone = true;
    for (const device of pod.devices) this.#slots.release(device.slot);
    this.#registry.remove(pod);
    this.emit('pod-removed', pod.record.id);
    await this.#record({ type, severity: 'info', podId: pod.record.id, migrationId: null, message });
  }

  async #record(event: Parameters<Books['addEvent']>[0]): Promise<void> {
    try {
      this.emit('event', await this.#books.addEvent(event));
    } catch (error) {
      // What happened has happened: a full disk must not turn it into a failure.
      this.#log.error({ err: error, event }, 'the event could not be written');
    }
  }

  async #refusals<T>(act: () => T | Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw asProblemError(error);
    }
  }
}

const sampled = (pod: LivePod): CountedPod => ({
  id: pod.record.id,
  number: pod.record.number,
  slots: pod.devices.map((device) => device.slot),
  netnsInode: pod.record.netnsInode,
  kind: currentDevice(pod).kind,
  carried: pod.record.carried,
  requests: pod.requests,
});
