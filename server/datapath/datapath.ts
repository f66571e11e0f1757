import { EventEmitter } from 'node:events';
import type { Condition } from '../../contract/condition.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { PodNetworkState } from '../../contract/network-state.ts';
import type { KernelCapability } from '../../contract/node.ts';
import type { PacketChecks } from '../../contract/packet-checks.ts';
import type { NewPod, Pod, PodSummary, TrafficReport } from '../../contract/pod.ts';
import type { PodPath } from '../../contract/pod-path.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { PodSettings } from '../../contract/settings.ts';
import { TaskScope } from '../async/task-scope.ts';
import { slotToPrimaryIfindex } from '../bpf/datapath-structs.ts';
import { getLink } from '../netlink/link.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import { BatchController } from './batch/batch-controller.ts';
import {
  type AccessRules,
  type DatapathContext,
  formatPodName,
  toPolicyEndpoint,
} from './datapath-context.ts';
import type { DatapathEvents } from './datapath-events.ts';
import { PodHealthGuard } from './guard/guard.ts';
import type { KernelContext, KernelDropReading } from './kernel-context.ts';
import { MigrationController, type MigrationOptions } from './migration/migration-controller.ts';
import type { MigrationStepActions } from './migration/step-executor.ts';
import { type OpenKernelOptions, openKernelContext } from './open-kernel.ts';
import { isPodGone } from './pod-activity.ts';
import { getCurrentDevice, type LivePod, PodRegistry, summarizePod } from './pod-registry.ts';
import { changePacketChecks } from './pods/change-packet-checks.ts';
import { readConsistently } from './pods/consistent-read.ts';
import { listPodNamespaces, type PodNamespaceEntry } from './pods/list-pod-namespaces.ts';
import { movePodHooks } from './pods/move-pod-hooks.ts';
import { PodLifecycle } from './pods/pod-lifecycle.ts';
import { readPod } from './pods/read-pod.ts';
import { readPodNetworkState } from './pods/read-pod-network-state.ts';
import { readPodPath } from './pods/read-pod-path.ts';
import { readStoredPods } from './read-stored-pods.ts';
import { writePodMapEntries } from './reconcile/reconcile-pod.ts';
import { PodReconciler } from './reconcile/reconciler.ts';
import { RedirectSettings } from './redirect-settings.ts';
import { RunningBuild } from './running-build.ts';
import { type SampledPod, toSampledPod } from './sampled-pod.ts';
import { SlotAllocator } from './slot-allocator.ts';
import { UserPrograms } from './user-programs/user-programs.ts';
import { watchConntrackModule } from './watch-conntrack-module.ts';
import { wrapAsProblemError } from './wrap-as-problem.ts';

export interface DatapathOptions extends OpenKernelOptions {
  store: DatapathStore;
  /** Access rules to enforce. Without them, all packets pass. */
  rules?: AccessRules;
  /** Wraps the actions of migration steps, so that tests can make a step fail or end the process. */
  actions?: (actions: MigrationStepActions) => MigrationStepActions;
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
  readonly #redirect: RedirectSettings;
  /** Task scope of the operations that callers await. */
  readonly #scope: TaskScope;

  private constructor(
    options: DatapathOptions,
    kernel: KernelContext,
    redirect: RedirectSettings,
    refusal: ProblemError | null,
  ) {
    super();
    this.#redirect = redirect;
    const { store, log } = options;
    this.#scope = new TaskScope((error) => log.error({ err: error }, 'datapath'));
    this.#context = {
      kernel,
      store,
      registry: new PodRegistry(),
      slots: new SlotAllocator(
        kernel.programs.maxSlots,
        (slot) => kernel.programs.counters.clear(slot),
        async (slot) => (await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) })) !== null,
      ),
      rules: options.rules ?? null,
      nodeConditions: new Map(),
      readKernelDrops: null,
      log,
      publish: {
        pod: (pod) => this.emit('pod', summarizePod(pod)),
        deviceReady: ({ record }, { kind, hooks, slot, primaryName }) => {
          const ifindex = slotToPrimaryIfindex(slot);
          this.emit('device-ready', { podId: record.id, name: primaryName, ifindex, kind, hooks });
        },
        removed: (pod) => {
          this.emit('pod-removed', pod.record.id);
          this.guard.removed(pod.record.id);
          this.#scope.start(() => this.#redirect.save(pod.record.id, null));
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
    const [{ pods, open }, redirect] = await Promise.all([
      readStoredPods(options.store),
      RedirectSettings.open(options.store),
    ]);
    const records = pods.map(({ record }) => record);
    const owners = records.map(({ number }) => number);
    const { kernel, refusal } = await openKernelContext(options, redirect, owners, async (opened) => {
      for (const pod of pods) writePodMapEntries(opened, pod);
      await options.rules?.activate(opened.programs, records.map(toPolicyEndpoint));
    });
    const datapath = new Datapath(options, kernel, redirect, refusal);
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
   * Reads the network state of a pod's device and its namespaces.
   * @throws ProblemError `pod_not_found`, `pod_gone`, `device_missing` or `too_large`
   */
  networkState(id: string): Promise<PodNetworkState> {
    return this.#run(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () => readPodNetworkState(this.#context.kernel, pod));
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
   * @throws ProblemError `pod_not_found`, `pod_gone`, `migration_running`, `pod_busy`, `already_on_kind`, `no_netkit`,
   * `no_tcx`, `second_interface`, `host_not_ready`, `device_missing`, `interface_in_use`, `not_carried`,
   * `loss_not_accepted`, `store_failed`
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
      await movePodHooks(this.#context, pod, to, actor);
      return readPod(this.#context.kernel, pod);
    });
  }

  /** Returns the packet checks of a pod. @throws ProblemError `pod_not_found` */
  packetChecks(id: string): PacketChecks {
    return this.#must(id).record.network.checks;
  }

  /**
   * Changes the packet checks of a pod. They take effect with the next packet and persist.
   * @throws ProblemError `pod_not_found`, `migration_running`, `pod_busy`, `pod_gone`, `store_failed`
   */
  setPacketChecks(id: string, checks: PacketChecks, actor: string): Promise<void> {
    return this.#run(() => changePacketChecks(this.#context, this.#must(id), checks, actor));
  }

  /** Makes the results of migrations tell what the kernel dropped. @param read as `DatapathContext.readKernelDrops` */
  countKernelDrops(read: (podNumber: number) => KernelDropReading): void {
    this.#context.readKernelDrops = read;
  }

  get redirect(): boolean {
    return this.#redirect.node;
  }

  /** Turns same-node redirect on or off. Takes effect with the next packet and persists across restarts. */
  setRedirect(redirect: boolean): Promise<void> {
    return this.#run(async () => {
      const { kernel, registry } = this.#context;
      await this.#redirect.save('node', redirect);
      for (const pod of registry.all()) writePodMapEntries(kernel, pod);
    });
  }

  /** Returns the settings of a pod. @throws ProblemError `pod_not_found` */
  podSettings(id: string): PodSettings {
    return { redirect: this.#redirect.ofPod(this.#must(id).record.id) };
  }

  /** Changes the settings of a pod. They apply to the next packet and persist. @throws ProblemError `pod_not_found` */
  setPodSettings(id: string, { redirect }: PodSettings): Promise<PodSettings> {
    return this.#run(async () => {
      const { kernel } = this.#context;
      const pod = this.#must(id);
      await this.#redirect.save(pod.record.id, redirect);
      writePodMapEntries(kernel, pod);
      return this.podSettings(id);
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
  namespaces(): PodNamespaceEntry[] {
    return listPodNamespaces(this.#context.registry.all());
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
    watchConntrackModule(
      this.#scope,
      () => this.#context.kernel.programs.features.conntrack,
      () => this.running.useNewFeatures(),
    );
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
