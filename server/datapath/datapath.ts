import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { DeviceKind } from '../../contract/device.ts';
import type { Event } from '../../contract/event.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { Capability, CapabilityName } from '../../contract/node.ts';
import type { PodPath } from '../../contract/path.ts';
import type { NewPod, Pod, PodSummary, TrafficReport } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { openDatapath } from '../bpf/datapath.ts';
import { UserPins } from '../bpf/user-pins.ts';
import { probe } from '../kernel/probe.ts';
import { RtnetlinkSocket } from '../netlink/socket.ts';
import { Batches } from './batch/batches.ts';
import { type DatapathContext, nameOf, type PodRules, ruled } from './context.ts';
import { hooksOf } from './device/hooks.ts';
import { moveHooks } from './device/move-hooks.ts';
import { forgetUsers } from './device/user-hooks.ts';
import { asProblemError } from './errors.ts';
import { Guard } from './guard/guard.ts';
import { can, type Ground } from './kernel-context.ts';
import type { StepActions } from './migration/executor.ts';
import { Migrations } from './migration/migrations.ts';
import { putCarrierLast } from './migration/recover.ts';
import { currentDevice, type LivePod, Registry, summarize } from './pod-registry.ts';
import { readSteady } from './pods/consistent-read.ts';
import { Attachments } from './pods/lifecycle.ts';
import { tracePath } from './pods/path.ts';
import { describePod } from './pods/read-pod.ts';
import { describe } from './reconcile/reconcile.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { RunningBuild } from './running-build.ts';
import { Slots } from './slot-allocator.ts';
import type { DatapathStore, DeviceRecord, PodRecord } from './store.ts';
import { UserPrograms } from './user-programs/programs.ts';

export interface DatapathOptions {
  books: DatapathStore;
  pins: string;
  maxSlots: number;
  /** That access rules remember; a default of its own. */
  connections?: number | undefined;
  log: Logger;
  /** Where none are given, all packets pass. */
  rules?: PodRules;
  /** The object to run instead of the installed one. */
  image?: Buffer | undefined;
  /** Capabilities to do without although the kernel has them. */
  without?: readonly CapabilityName[];
  /** Wraps what migrations do to the kernel, step by step: where a test makes a step fail, or ends the process. */
  actions?: (actions: StepActions) => StepActions;
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

/** The pods of this node and their devices: attach, describe, migrate, detach. */
export class Datapath extends EventEmitter<DatapathEvents> {
  /** Migrations of many pods. */
  readonly batches: Batches;
  /** Repairs and falls back by itself. */
  readonly guard: Guard;
  /** The object our programs are of, to be replaced. */
  readonly running: RunningBuild;
  /** Programs that users put on pods. */
  readonly users: UserPrograms;
  readonly #core: DatapathContext;
  readonly #attachments: Attachments;
  readonly #migrations: Migrations;
  readonly #reconciler: Reconciler;

  private constructor(options: DatapathOptions, ground: Ground, refusal: ProblemError | null) {
    super();
    const { books, log } = options;
    this.#core = {
      ground,
      books,
      registry: new Registry(),
      slots: new Slots(ground.programs.maxSlots, (slot) => ground.programs.counters.clear(slot)),
      rules: options.rules ?? null,
      log,
      tell: {
        pod: (pod) => this.emit('pod', summarize(pod)),
        removed: (pod) => {
          this.emit('pod-removed', pod.record.id);
          this.guard.removed(pod.record.id);
          this.#core.rules?.leave(pod.record.id);
        },
        migration: (migration) => this.emit('migration', migration),
        event: async (event) => {
          try {
            this.emit('event', await books.addEvent(event));
          } catch (error) {
            log.error({ err: error, event }, 'the event could not be written');
          }
        },
      },
    };
    this.running = new RunningBuild(this.#core, refusal);
    this.users = new UserPrograms(this.#core);
    this.#attachments = new Attachments(this.#core);
    this.#reconciler = new Reconciler(this.#core, (pod, key) => key === 'programs' && this.guard.owns(pod));
    this.#migrations = new Migrations(
      this.#core,
      (pod) => this.#reconciler.afterMigration(pod),
      options.actions,
    );
    this.batches = new Batches(this.#core, this.#migrations);
    this.guard = new Guard(this.#core, this.#migrations, (pod) => this.#reconciler.lookSoon(pod));
  }

  /**
   * Probes the kernel, takes over what is pinned, and brings books and kernel to agree: open journals are ended,
   * pods that have ended are closed, missing devices made again.
   */
  static async open(options: DatapathOptions): Promise<Datapath> {
    const { books, pins, maxSlots, connections } = options;
    const capabilities = without(await probe(), options.without ?? []);
    const [pods, devices, open, redirect] = await Promise.all([
      books.pods(),
      books.devices(),
      books.openMigrations(),
      books.setting('node', 'redirect'),
    ]);
    const live = pods.map((record) => livePod(record, devices));
    for (const pod of live)
      for (const migration of open) if (migration.podId === pod.record.id) putCarrierLast(pod, migration);
    const standing = {
      host: RtnetlinkSocket.open(),
      capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
      redirect: redirect !== false,
      users: new UserPins(pins),
    };
    // Of pods of other books.
    for (const owner of standing.users.owners())
      if (!pods.some(({ number }) => number === owner)) await forgetUsers(standing, owner);
    const primaryHooks = can(standing, 'tcx') ? 'tcx' : 'tc';
    const openPrograms = (image?: Buffer) =>
      openDatapath({
        pins,
        maxSlots,
        connections,
        image,
        fill: async (opened) => {
          for (const pod of live) describe({ ...standing, primaryHooks, programs: opened }, pod);
          await options.rules?.open(opened, pods.map(ruled));
        },
      });
    let refusal: ProblemError | null = null;
    const programs = await openPrograms(options.image).catch((error: unknown) => {
      if (options.image === undefined || !(error instanceof ProblemError)) throw error;
      refusal = error;
      return openPrograms();
    });
    const datapath = new Datapath(options, { ...standing, primaryHooks, programs }, refusal);
    await datapath.#takeOver(live, open);
    return datapath;
  }

  get capabilities(): Capability[] {
    return [...this.#core.ground.capabilities.values()];
  }

  get slots(): { used: number; max: number } {
    return { used: this.#core.slots.used, max: this.#core.slots.max };
  }

  /** SHA-256 of the loaded object. */
  get build(): string {
    return this.#core.ground.programs.build;
  }

  get counters(): Ground['programs']['counters'] {
    return this.#core.ground.programs.counters;
  }

  programIds(): readonly number[] {
    return this.#core.ground.programs.programIds;
  }

  summaries(): PodSummary[] {
    return this.#core.registry.all().map(summarize);
  }

  /** @returns the pod's id @throws ProblemError `pod_not_found` */
  find(idOrName: string): string {
    return this.#must(idOrName).record.id;
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone` */
  describe(id: string): Promise<Pod> {
    return this.#refusals(() => {
      const pod = this.#must(id);
      return readSteady(pod, () => describePod(this.#core.ground, pod));
    });
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone`, `device_missing` */
  path(id: string): Promise<PodPath> {
    return this.#refusals(() => {
      const pod = this.#must(id);
      return readSteady(pod, () => tracePath(this.#core.ground, pod, this.#core.registry.all()));
    });
  }

  /**
   * Makes a network namespace a pod of this node. What fails leaves nothing behind.
   * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`, `interface_in_use`, `no_netkit`, `no_tcx`,
   * `no_slot`, `host_not_ready`, `kernel_refused`
   */
  attach(wanted: NewPod): Promise<Pod> {
    return this.#refusals(async () => {
      const pod = await this.#attachments.attach(wanted);
      this.emit('pod', summarize(pod));
      const device = currentDevice(pod);
      await this.#core.tell.event({
        type: 'pod.attached',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${nameOf(pod)} attached by ${device.kind} ${device.primaryName}`,
      });
      return describePod(this.#core.ground, pod);
    });
  }

  /** Takes the pod's device away. @throws ProblemError `pod_not_found`, `migration_running` */
  detach(id: string): Promise<void> {
    return this.#refusals(() => this.#attachments.detach(this.#must(id)));
  }

  /** What a migration would do; changes nothing. @throws ProblemError `pod_not_found`, `pod_gone`, `no_slot` */
  plan(id: string, to: DeviceKind, recreate = false): Promise<MigrationPlan> {
    return this.#refusals(() => this.#migrations.plan(this.#must(id), to, recreate));
  }

  /**
   * Begins a migration; resolves once the journal has it.
   * @throws ProblemError `pod_not_found`, `pod_gone`, `migration_running`, `already_on_kind`, `no_netkit`, `no_tcx`,
   * `second_interface`, `host_not_ready`, `device_missing`, `interface_in_use`, `inventory_failed`
   */
  migrate(id: string, to: DeviceKind, actor: string, recreate = false): Promise<Migration> {
    return this.#refusals(() => this.#migrations.start(this.#must(id), to, actor, recreate));
  }

  /**
   * Attach fallback and back: moves our programs of a netkit device to its primary, or to its own hooks.
   * @throws ProblemError `pod_not_found`, `not_netkit`, `already_there`, `migration_running`, `kernel_refused`
   */
  moveHooks(id: string, to: 'device' | 'primary', actor: string): Promise<Pod> {
    return this.#refusals(async () => {
      const pod = this.#must(id);
      await moveHooks(this.#core, pod, to);
      this.#core.tell.pod(pod);
      const device = currentDevice(pod);
      await this.#core.tell.event({
        type: 'hooks.moved',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${actor} moved the programs of ${nameOf(pod)} to ${Object.values(hooksOf[device.hooks]).join(' and ')} of ${device.primaryName}`,
      });
      return describePod(this.#core.ground, pod);
    });
  }

  get redirect(): boolean {
    return this.#core.ground.redirect;
  }

  /** Whether packets between pods of this node may take the short way; from the next packet on, and after restarts. */
  setRedirect(redirect: boolean): Promise<void> {
    return this.#refusals(async () => {
      const { ground, books, registry } = this.#core;
      await books.saveSetting('node', 'redirect', redirect);
      ground.redirect = redirect;
      for (const pod of registry.all()) describe(ground, pod);
    });
  }

  reportTraffic(report: TrafficReport): void {
    for (const [id, requests] of Object.entries(report.pods)) {
      const pod = this.#core.registry.get(id);
      if (pod) pod.requests = requests;
    }
    this.#migrations.noteRequests();
  }

  /** The pods' network namespaces. */
  namespaces(): { id: string; name: string; path: string; inode: bigint }[] {
    return this.#core.registry
      .all()
      .filter((pod) => !pod.gone)
      .map((pod) => ({
        id: pod.record.id,
        name: nameOf(pod),
        path: pod.record.netnsPath,
        inode: pod.record.netnsInode,
      }));
  }

  /** What the sampler reads: every pod, its slots and what it carries from removed devices. */
  all(): readonly CountedPod[] {
    return this.#core.registry
      .all()
      .filter((pod) => !pod.gone)
      .map(sampled);
  }

  get(id: string): CountedPod | undefined {
    const pod = this.#core.registry.get(id);
    return pod && !pod.gone ? sampled(pod) : undefined;
  }

  /** Waits for running migrations; devices, programs and counters stay as they are. */
  async close(): Promise<void> {
    await this.batches.close();
    await this.guard.close();
    await this.#reconciler.close();
    await this.#migrations.settled();
    this.#core.ground.host.close();
    this.#core.ground.programs.close();
  }

  async #takeOver(pods: readonly LivePod[], open: readonly Migration[]): Promise<void> {
    const { registry, slots } = this.#core;
    for (const pod of pods) {
      for (const device of pod.devices) slots.reserve(device.slot);
      registry.add(pod);
    }
    this.#reconciler.start();
    for (const migration of open) await this.#migrations.recover(migration, registry.get(migration.podId));
    await this.batches.takeOver();
    for (const pod of pods) await this.#reconciler.takeOver(pod);
    await this.guard.start();
  }

  #must(idOrName: string): LivePod {
    return this.#core.registry.must(idOrName);
  }

  async #refusals<T>(act: () => T | Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw asProblemError(error);
    }
  }
}

const livePod = (record: PodRecord, devices: readonly DeviceRecord[]): LivePod => ({
  record,
  devices: devices.filter((device) => device.podId === record.id).sort((a, b) => a.id - b.id),
  migration: null,
  repairing: null,
  leaving: false,
  gone: false,
  attention: new Map(),
  requests: null,
});

/** The capabilities as on a kernel that lacks these. */
const without = (capabilities: Capability[], lacking: readonly CapabilityName[]): Capability[] =>
  capabilities.map((capability) =>
    lacking.includes(capability.name)
      ? { ...capability, available: false, detail: 'switched off by --without', hint: null }
      : capability,
  );

const sampled = (pod: LivePod): CountedPod => ({
  id: pod.record.id,
  number: pod.record.number,
  slots: pod.devices.map((device) => device.slot),
  netnsInode: pod.record.netnsInode,
  kind: currentDevice(pod).kind,
  carried: pod.record.carried,
  requests: pod.requests,
});
