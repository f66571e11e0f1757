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
import { UserProgramPins } from '../bpf/user-program-pins.ts';
import { probeCapabilities } from '../kernel/probe.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { DatapathStore } from '../store/port.ts';
import type { DeviceRecord, PodRecord } from '../store/records.ts';
import { Batches } from './batch/batches.ts';
import { type AccessRules, type DatapathContext, podName, policyEndpoint } from './context.ts';
import { hooksOf } from './device/hooks.ts';
import { moveHooks } from './device/move-hooks.ts';
import { removeAllUserPrograms } from './device/user-hooks.ts';
import { asProblemError } from './errors.ts';
import { Guard } from './guard/guard.ts';
import { hasCapability, type KernelContext } from './kernel-context.ts';
import type { StepActions } from './migration/executor.ts';
import { Migrations } from './migration/migrations.ts';
import { putCarrierLast } from './migration/recover.ts';
import { currentDevice, type LivePod, PodRegistry, podSummary } from './pod-registry.ts';
import { readConsistently } from './pods/consistent-read.ts';
import { PodLifecycle } from './pods/lifecycle.ts';
import { readPath } from './pods/read-path.ts';
import { readPod } from './pods/read-pod.ts';
import { writePodConfig } from './reconcile/reconcile.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { RunningBuild } from './running-build.ts';
import { SlotAllocator } from './slot-allocator.ts';
import { UserPrograms } from './user-programs/user-programs.ts';

export interface DatapathOptions {
  store: DatapathStore;
  pins: string;
  maxSlots: number;
  /** That access rules remember; a default of its own. */
  connections?: number | undefined;
  log: Logger;
  /** Where none are given, all packets pass. */
  rules?: AccessRules;
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
export interface SampledPod {
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
  readonly #context: DatapathContext;
  readonly #attachments: PodLifecycle;
  readonly #migrations: Migrations;
  readonly #reconciler: Reconciler;

  private constructor(options: DatapathOptions, kernel: KernelContext, refusal: ProblemError | null) {
    super();
    const { store, log } = options;
    this.#context = {
      kernel,
      store,
      registry: new PodRegistry(),
      slots: new SlotAllocator(kernel.programs.maxSlots, (slot) => kernel.programs.counters.clear(slot)),
      rules: options.rules ?? null,
      log,
      publish: {
        pod: (pod) => this.emit('pod', podSummary(pod)),
        removed: (pod) => {
          this.emit('pod-removed', pod.record.id);
          this.guard.removed(pod.record.id);
          this.#context.rules?.removePod(pod.record.id);
        },
        migration: (migration) => this.emit('migration', migration),
        event: async (event) => {
          try {
            this.emit('event', await store.addEvent(event));
          } catch (error) {
            log.error({ err: error, event }, 'the event could not be written');
          }
        },
      },
    };
    this.running = new RunningBuild(this.#context, refusal);
    this.users = new UserPrograms(this.#context);
    this.#attachments = new PodLifecycle(this.#context);
    this.#reconciler = new Reconciler(
      this.#context,
      (pod, key) => key === 'programs' && this.guard.owns(pod),
    );
    this.#migrations = new Migrations(
      this.#context,
      (pod) => this.#reconciler.afterMigration(pod),
      options.actions,
    );
    this.batches = new Batches(this.#context, this.#migrations);
    this.guard = new Guard(this.#context, this.#migrations, (pod) => this.#reconciler.enqueue(pod));
  }

  /**
   * Probes the kernel, takes over what is pinned, and brings store and kernel to agree: open journals are ended,
   * pods that have ended are closed, missing devices made again.
   */
  static async open(options: DatapathOptions): Promise<Datapath> {
    const { store, pins, maxSlots, connections } = options;
    const capabilities = without(await probeCapabilities(), options.without ?? []);
    const [pods, devices, open, redirect] = await Promise.all([
      store.pods(),
      store.devices(),
      store.openMigrations(),
      store.setting('node', 'redirect'),
    ]);
    const live = pods.map((record) => livePod(record, devices));
    for (const pod of live)
      for (const migration of open) if (migration.podId === pod.record.id) putCarrierLast(pod, migration);
    const standing = {
      host: NetlinkSocket.open(),
      capabilities: new Map(capabilities.map((capability) => [capability.name, capability])),
      redirect: redirect !== false,
      userPins: new UserProgramPins(pins),
    };
    // Of pods of other store.
    for (const owner of standing.userPins.owners())
      if (!pods.some(({ number }) => number === owner)) await removeAllUserPrograms(standing, owner);
    const primaryHooks = hasCapability(standing, 'tcx') ? 'tcx' : 'tc';
    const openPrograms = (image?: Buffer) =>
      openDatapath({
        pins,
        maxSlots,
        connections,
        image,
        fill: async (opened) => {
          for (const pod of live) writePodConfig({ ...standing, primaryHooks, programs: opened }, pod);
          await options.rules?.activate(opened, pods.map(policyEndpoint));
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
    return [...this.#context.kernel.capabilities.values()];
  }

  get slots(): { used: number; max: number } {
    return { used: this.#context.slots.used, max: this.#context.slots.max };
  }

  /** SHA-256 of the loaded object. */
  get build(): string {
    return this.#context.kernel.programs.build;
  }

  get counters(): KernelContext['programs']['counters'] {
    return this.#context.kernel.programs.counters;
  }

  programIds(): readonly number[] {
    return this.#context.kernel.programs.programIds;
  }

  summaries(): PodSummary[] {
    return this.#context.registry.all().map(podSummary);
  }

  /** @returns the pod's id @throws ProblemError `pod_not_found` */
  find(idOrName: string): string {
    return this.#must(idOrName).record.id;
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone` */
  describe(id: string): Promise<Pod> {
    return this.#refusals(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () => readPod(this.#context.kernel, pod));
    });
  }

  /** @throws ProblemError `pod_not_found`, `pod_gone`, `device_missing` */
  path(id: string): Promise<PodPath> {
    return this.#refusals(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () => readPath(this.#context.kernel, pod, this.#context.registry.all()));
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
      this.emit('pod', podSummary(pod));
      const device = currentDevice(pod);
      await this.#context.publish.event({
        type: 'pod.attached',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${podName(pod)} attached by ${device.kind} ${device.primaryName}`,
      });
      return readPod(this.#context.kernel, pod);
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
   * `second_interface`, `host_not_ready`, `device_missing`, `interface_in_use`, `store_failed`
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
      await moveHooks(this.#context, pod, to);
      this.#context.publish.pod(pod);
      const device = currentDevice(pod);
      await this.#context.publish.event({
        type: 'hooks.moved',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${actor} moved the programs of ${podName(pod)} to ${Object.values(hooksOf[device.hooks]).join(' and ')} of ${device.primaryName}`,
      });
      return readPod(this.#context.kernel, pod);
    });
  }

  get redirect(): boolean {
    return this.#context.kernel.redirect;
  }

  /** Whether packets between pods of this node may take the short way; from the next packet on, and after restarts. */
  setRedirect(redirect: boolean): Promise<void> {
    return this.#refusals(async () => {
      const { kernel, store, registry } = this.#context;
      await store.saveSetting('node', 'redirect', redirect);
      kernel.redirect = redirect;
      for (const pod of registry.all()) writePodConfig(kernel, pod);
    });
  }

  reportTraffic(report: TrafficReport): void {
    for (const [id, requests] of Object.entries(report.pods)) {
      const pod = this.#context.registry.get(id);
      if (pod) pod.requests = requests;
    }
    this.#migrations.noteRequests();
  }

  /** The pods' network namespaces. */
  namespaces(): { id: string; name: string; path: string; inode: bigint }[] {
    return this.#context.registry
      .all()
      .filter((pod) => !pod.gone)
      .map((pod) => ({
        id: pod.record.id,
        name: podName(pod),
        path: pod.record.netnsPath,
        inode: pod.record.netnsInode,
      }));
  }

  /** What the sampler reads: every pod, its slots and what it carries from removed devices. */
  all(): readonly SampledPod[] {
    return this.#context.registry
      .all()
      .filter((pod) => !pod.gone)
      .map(sampled);
  }

  get(id: string): SampledPod | undefined {
    const pod = this.#context.registry.get(id);
    return pod && !pod.gone ? sampled(pod) : undefined;
  }

  /** Waits for running migrations; devices, programs and counters stay as they are. */
  async close(): Promise<void> {
    await this.batches.close();
    await this.guard.close();
    await this.#reconciler.close();
    await this.#migrations.settled();
    this.#context.kernel.host.close();
    this.#context.kernel.programs.close();
  }

  async #takeOver(pods: readonly LivePod[], open: readonly Migration[]): Promise<void> {
    const { registry, slots } = this.#context;
    for (const pod of pods) {
      for (const device of pod.devices) slots.reserve(device.slot);
      registry.add(pod);
    }
    this.#reconciler.start();
    for (const migration of open) await this.#migrations.recover(migration, registry.get(migration.podId));
    await this.batches.takeOver();
    for (const pod of pods) await this.#reconciler.reconcileAtStart(pod);
    await this.guard.start();
  }

  #must(idOrName: string): LivePod {
    return this.#context.registry.require(idOrName);
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
  conditions: new Map(),
  requests: null,
});

/** The capabilities as on a kernel that lacks these. */
const without = (capabilities: Capability[], lacking: readonly CapabilityName[]): Capability[] =>
  capabilities.map((capability) =>
    lacking.includes(capability.name)
      ? { ...capability, available: false, detail: 'switched off by --without', hint: null }
      : capability,
  );

const sampled = (pod: LivePod): SampledPod => ({
  id: pod.record.id,
  number: pod.record.number,
  slots: pod.devices.map((device) => device.slot),
  netnsInode: pod.record.netnsInode,
  kind: currentDevice(pod).kind,
  carried: pod.record.carried,
  requests: pod.requests,
});
