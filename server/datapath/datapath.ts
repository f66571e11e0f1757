import { EventEmitter } from 'node:events';
import type { Condition } from '../../contract/condition.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { AgentEvent } from '../../contract/event.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { KernelCapability } from '../../contract/node.ts';
import type { PodPath } from '../../contract/path.ts';
import type { NewPod, Pod, PodSummary, TrafficReport } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { TaskScope } from '../async/task-scope.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import { BatchController } from './batch/batch-controller.ts';
import {
  type AccessRules,
  type DatapathContext,
  formatPodName,
  toPolicyEndpoint,
} from './datapath-context.ts';
import { moveProgramsToHooks } from './device/move-hooks.ts';
import { podlaneProgramHooks } from './device/program-hooks.ts';
import { wrapAsProblemError } from './errors.ts';
import { PodHealthGuard } from './guard/guard.ts';
import type { KernelContext, KernelDropReading } from './kernel-context.ts';
import { MigrationController, type MigrationOptions } from './migration/migration-controller.ts';
import { selectCurrentDeviceOfJournal } from './migration/recover-migration.ts';
import type { MigrationStepActions } from './migration/step-executor.ts';
import { type OpenKernelOptions, openKernelContext } from './open-kernel.ts';
import { isPodGone, withPod } from './pod-activity.ts';
import { currentNamespacePath } from './pod-namespaces.ts';
import { createLivePod, getCurrentDevice, type LivePod, PodRegistry, summarizePod } from './pod-registry.ts';
import { readConsistently } from './pods/consistent-read.ts';
import { PodLifecycle } from './pods/pod-lifecycle.ts';
import { readPodPath } from './pods/read-path.ts';
import { readPod } from './pods/read-pod.ts';
import { writePodMapEntries } from './reconcile/reconcile-pod.ts';
import { PodReconciler } from './reconcile/reconciler.ts';
import { RunningBuild } from './running-build.ts';
import { type SampledPod, toSampledPod } from './sampled-pod.ts';
import { SlotAllocator } from './slot-allocator.ts';
import { UserPrograms } from './user-programs/user-programs.ts';

export interface DatapathOptions extends OpenKernelOptions {
  store: DatapathStore;
  /** Access rules to enforce. Without them, all packets pass. */
  rules?: AccessRules;
  /** Wraps the actions of migration steps, so that tests can make a step fail or end the process. */
  actions?: (actions: MigrationStepActions) => MigrationStepActions;
}

export interface DatapathEvents {
  pod: [PodSummary];
  'pod-removed': [id: string];
  migration: [Migration];
  event: [AgentEvent];
}

/** Attaches, reads, migrates and detaches the pods of this node, and publishes changes. */
export class Datapath extends EventEmitter<DatapathEvents> {
  /** Controller of batches, which migrate many pods. */
  readonly batches: BatchController;
  /** Guard that repairs pods and falls back to veth automatically. */
  readonly guard: PodHealthGuard;
  /** BPF build that is running. */
  readonly running: RunningBuild;
  /** Programs that users attached to pods. */
  readonly userPrograms: UserPrograms;
  readonly #context: DatapathContext;
  readonly #lifecycle: PodLifecycle;
  readonly #migrations: MigrationController;
  readonly #reconciler: PodReconciler;
  /** Task scope of the operations that callers await. */
  readonly #scope: TaskScope;

  private constructor(options: DatapathOptions, kernel: KernelContext, refusal: ProblemError | null) {
    super();
    const { store, log } = options;
    this.#scope = new TaskScope((error) => log.error({ err: error }, 'datapath'));
    this.#context = {
      kernel,
      store,
      registry: new PodRegistry(),
      slots: new SlotAllocator(kernel.programs.maxSlots, (slot) => kernel.programs.counters.clear(slot)),
      rules: options.rules ?? null,
      nodeConditions: new Map(),
      readKernelDrops: null,
      log,
      publish: {
        pod: (pod) => this.emit('pod', summarizePod(pod)),
        removed: (pod) => {
          this.emit('pod-removed', pod.record.id);
          this.guard.removed(pod.record.id);
          this.#context.rules?.removePod(pod.record.id);
        },
        migration: (migration) => {
          this.emit('migration', migration);
          if (migration.state === 'done') this.batches.migrated(migration);
        },
        event: async (event) => {
          try {
            this.emit('event', await store.addEvent(event));
          } catch (error) {
            log.error({ err: error, event }, 'the event could not be stored');
          }
        },
      },
    };
    this.running = new RunningBuild(this.#context, refusal);
    this.userPrograms = new UserPrograms(this.#context, this.#scope);
    this.#lifecycle = new PodLifecycle(this.#context);
    this.#reconciler = new PodReconciler(
      this.#context,
      (pod, key) => key === 'programs' && this.guard.repairsPrograms(pod),
    );
    this.#migrations = new MigrationController(
      this.#context,
      (pod) => this.#reconciler.afterMigration(pod),
      options.actions,
    );
    this.batches = new BatchController(this.#context, this.#migrations);
    this.guard = new PodHealthGuard(this.#context, this.#migrations, (pod) => this.#reconciler.enqueue(pod));
  }

  /**
   * Opens the kernel side and brings the store and the kernel to agreement: finishes or undoes open migrations, removes
   * pods whose namespace is gone, replaces missing devices.
   */
  static async open(options: DatapathOptions): Promise<Datapath> {
    const { store } = options;
    const [records, devices, open, redirect] = await Promise.all([
      store.pods(),
      store.devices(),
      store.openMigrations(),
      store.setting('node', 'redirect'),
    ]);
    const pods = records.map((record) =>
      createLivePod(
        record,
        devices.filter((device) => device.podId === record.id).sort((a, b) => a.id - b.id),
      ),
    );
    for (const pod of pods)
      for (const migration of open)
        if (migration.podId === pod.record.id) selectCurrentDeviceOfJournal(pod, migration);
    const owners = records.map(({ number }) => number);
    const { kernel, refusal } = await openKernelContext(
      options,
      redirect !== false,
      owners,
      async (opened) => {
        for (const pod of pods) writePodMapEntries(opened, pod);
        await options.rules?.activate(opened.programs, records.map(toPolicyEndpoint));
      },
    );
    const datapath = new Datapath(options, kernel, refusal);
    await datapath.#recover(pods, open);
    return datapath;
  }

  get capabilities(): KernelCapability[] {
    return [...this.#context.kernel.capabilities.values()];
  }

  /** Faults of the node that concern its pods. */
  get conditions(): Condition[] {
    return [...this.#context.nodeConditions.values()];
  }

  get slots(): { used: number; max: number } {
    return { used: this.#context.slots.used, max: this.#context.slots.max };
  }

  /** SHA-256 of the loaded BPF object. */
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
    return this.#context.registry.all().map(summarizePod);
  }

  /** Resolves a pod's id or `namespace.name` to the id. @throws ProblemError `pod_not_found` */
  find(idOrName: string): string {
    return this.#must(idOrName).record.id;
  }

  /** Reads a pod from the kernel. @throws ProblemError `pod_not_found` or `pod_gone` */
  describe(id: string): Promise<Pod> {
    return this.#run(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () => readPod(this.#context.kernel, pod));
    });
  }

  /** Reads the path of a pod's packets. @throws ProblemError `pod_not_found`, `pod_gone` or `device_missing` */
  path(id: string): Promise<PodPath> {
    return this.#run(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () =>
        readPodPath(this.#context.kernel, pod, this.#context.registry.all()),
      );
    });
  }

  /**
   * Attaches a network namespace to the node as a pod. A failure leaves nothing behind.
   * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`, `interface_in_use`, `no_netkit`, `no_tcx`,
   * `no_slot`, `host_not_ready`, `kernel_refused`
   */
  attach(wanted: NewPod): Promise<Pod> {
    return this.#run(async () => {
      const pod = await this.#lifecycle.attach(wanted);
      this.emit('pod', summarizePod(pod));
      const device = getCurrentDevice(pod);
      await this.#context.publish.event({
        type: 'pod.attached',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${formatPodName(pod)} attached by ${device.kind} ${device.primaryName}`,
      });
      return readPod(this.#context.kernel, pod);
    });
  }

  /** Removes a pod and its device. @throws ProblemError `pod_not_found`, `migration_running` or `pod_busy` */
  detach(id: string): Promise<void> {
    return this.#run(() => this.#lifecycle.detach(this.#must(id)));
  }

  /** Plans a migration without changing anything. @throws ProblemError `pod_not_found`, `pod_gone` or `no_slot` */
  plan(id: string, to: DeviceKind, recreate = false): Promise<MigrationPlan> {
    return this.#run(() => this.#migrations.plan(this.#must(id), to, recreate));
  }

  /**
   * Starts a migration; resolves once its journal is stored.
   * @throws ProblemError `pod_not_found`, `pod_gone`, `migration_running`, `pod_busy`, `already_on_kind`, `no_netkit`, `no_tcx`,
   * `second_interface`, `host_not_ready`, `device_missing`, `interface_in_use`, `not_carried`, `loss_not_accepted`,
   * `store_failed`
   */
  migrate(
    id: string,
    to: DeviceKind,
    actor: string,
    { recreate = false, accept = [] }: Partial<MigrationOptions> = {},
  ): Promise<Migration> {
    return this.#run(() => this.#migrations.start(this.#must(id), to, actor, { recreate, accept }));
  }

  /**
   * Moves Podlane's programs of a netkit device to the hooks of its primary (attach fallback), or back to its own.
   * @throws ProblemError `pod_not_found`, `not_netkit`, `already_there`, `migration_running`, `pod_busy`, `pod_gone`,
   * `kernel_refused`
   */
  moveHooks(id: string, to: 'device' | 'primary', actor: string): Promise<Pod> {
    return this.#run(async () => {
      const pod = this.#must(id);
      const what = `move the programs of ${formatPodName(pod)} to the ${to === 'device' ? 'netkit hooks' : 'primary'}`;
      await withPod(pod, { type: 'moving-hooks' }, what, () =>
        moveProgramsToHooks(this.#context, pod, to, what),
      );
      this.#context.publish.pod(pod);
      const device = getCurrentDevice(pod);
      await this.#context.publish.event({
        type: 'hooks.moved',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${actor} moved the programs of ${formatPodName(pod)} to ${Object.values(podlaneProgramHooks[device.hooks]).join(' and ')} of ${device.primaryName}`,
      });
      return readPod(this.#context.kernel, pod);
    });
  }

  /** Makes the results of migrations tell what the kernel dropped. @param read as `DatapathContext.readKernelDrops` */
  countKernelDrops(read: (podNumber: number) => KernelDropReading): void {
    this.#context.readKernelDrops = read;
  }

  get redirect(): boolean {
    return this.#context.kernel.redirect;
  }

  /** Turns same-node redirect on or off. Takes effect with the next packet and persists across restarts. */
  setRedirect(redirect: boolean): Promise<void> {
    return this.#run(async () => {
      const { kernel, store, registry } = this.#context;
      await store.saveSetting('node', 'redirect', redirect);
      kernel.redirect = redirect;
      for (const pod of registry.all()) writePodMapEntries(kernel, pod);
    });
  }

  reportTraffic(report: TrafficReport): void {
    for (const [id, requests] of Object.entries(report.pods)) {
      const pod = this.#context.registry.get(id);
      if (pod) pod.requests = requests;
    }
    this.#migrations.noteRequests();
  }

  /** Lists the network namespaces of all pods that are not gone. */
  namespaces(): { id: string; name: string; path: string; inode: bigint }[] {
    return this.#context.registry
      .all()
      .filter((pod) => !isPodGone(pod))
      .map((pod) => ({
        id: pod.record.id,
        name: formatPodName(pod),
        path: currentNamespacePath(pod),
        inode: pod.record.netnsInode,
      }));
  }

  /** Lists every pod that is not gone, with its slots and the counters of its removed devices, for the sampler. */
  all(): readonly SampledPod[] {
    return this.#context.registry
      .all()
      .filter((pod) => !isPodGone(pod))
      .map(toSampledPod);
  }

  get(id: string): SampledPod | undefined {
    const pod = this.#context.registry.get(id);
    return pod && !isPodGone(pod) ? toSampledPod(pod) : undefined;
  }

  /** Waits for running operations and migrations. Devices, programs and counters remain in the kernel. */
  async close(): Promise<void> {
    await this.#scope.close();
    await this.batches.close();
    await this.guard.close();
    await this.#reconciler.close();
    await this.#migrations.close();
    this.#context.kernel.host.close();
    this.#context.kernel.programs.close();
  }

  async #recover(pods: readonly LivePod[], open: readonly Migration[]): Promise<void> {
    const { registry, slots } = this.#context;
    for (const pod of pods) {
      for (const device of pod.devices) slots.reserve(device.slot);
      registry.add(pod);
    }
    this.#reconciler.start();
    for (const migration of open) await this.#migrations.recover(migration, registry.get(migration.podId));
    await this.batches.recover();
    await this.#reconciler.reconcileNode();
    for (const pod of pods) await this.#reconciler.reconcileAtStart(pod);
    await this.guard.start();
  }

  #must(idOrName: string): LivePod {
    return this.#context.registry.require(idOrName);
  }

  /** Runs an operation that `close` waits for. @throws ProblemError for every failure */
  async #run<T>(operation: () => T | Promise<T>): Promise<T> {
    if (this.#scope.closed) throw new ProblemError('stopping', 'the agent is stopping');
    try {
      return await this.#scope.run(operation);
    } catch (error) {
      throw wrapAsProblemError(error);
    }
  }
}
