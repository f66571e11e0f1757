import { EventEmitter } from 'node:events';
import type { Adoption, ReleasePlan } from '../../contract/adoption.ts';
import type { Condition } from '../../contract/condition.ts';
import type { DeviceKind, HookFamily } from '../../contract/device.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { PodNetworkState } from '../../contract/network-state.ts';
import type { KernelCapability } from '../../contract/node.ts';
import type { PacketChecks } from '../../contract/packet-checks.ts';
import type { NewPod, Pod, PodChange, PodSummary, TrafficReport } from '../../contract/pod.ts';
import type { PodPath } from '../../contract/pod-path.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { PodSettings } from '../../contract/settings.ts';
import { TaskScope } from '../async/task-scope.ts';
import { slotToPrimaryIfindex } from '../bpf/datapath-structs.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import { AdoptedPods, type NewAdoptedPod } from './adopted/adopted-pods.ts';
import { finishRelease } from './adopted/release-pod.ts';
import { BatchController } from './batch/batch-controller.ts';
import { Containers, type ContainersOptions } from './containers/containers.ts';
import {
  type AccessRules,
  type DatapathContext,
  formatPodName,
  toPolicyEndpoint,
} from './datapath-context.ts';
import type { DatapathEvents } from './datapath-events.ts';
import { getPrimaryIfindex, isForeignDevice } from './device-indexes.ts';
import { PodHealthGuard } from './guard/guard.ts';
import type { KernelContext, KernelDropReading } from './kernel-context.ts';
import { MigrationController, type MigrationOptions } from './migration/migration-controller.ts';
import type { MigrationStepActions } from './migration/step-executor.ts';
import { type OpenKernelOptions, openKernelContext } from './open-kernel.ts';
import { isPodGone, withPod } from './pod-activity.ts';
import type { PodDescriber, PodDescription } from './pod-metadata.ts';
import { getCurrentDevice, type LivePod, PodRegistry, summarizePod } from './pod-registry.ts';
import { changePodMetadata, type PodMetadataChange } from './pods/change-metadata.ts';
import { changePacketChecks } from './pods/change-packet-checks.ts';
import { readConsistently } from './pods/consistent-read.ts';
import { listPodNamespaces, type PodNamespaceEntry } from './pods/list-pod-namespaces.ts';
import { movePodHooks } from './pods/move-pod-hooks.ts';
import { PodLifecycle } from './pods/pod-lifecycle.ts';
import { readPod } from './pods/read-pod.ts';
import { type PodHooks, readPodHooks } from './pods/read-pod-hooks.ts';
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
  /** How containers are attached; without it none are. */
  containers?: ContainersOptions;
  /** Finds how the cluster describes a pod that is being attached. Without it, none does. */
  describePod?: PodDescriber;
  /** Wraps the actions of migration steps, so that tests can make a step fail or end the process. */
  actions?: (actions: MigrationStepActions) => MigrationStepActions;
}

const isAdopted = (pod: LivePod): pod is LivePod & { record: { adoption: Adoption } } =>
  pod.record.adoption !== null;

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
  #containers: Containers | null = null;
  readonly #context: DatapathContext;
  readonly #lifecycle: PodLifecycle;
  readonly #adopted: AdoptedPods;
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
        async (slot) => kernel.interfaces.hasIndex(slotToPrimaryIfindex(slot)),
      ),
      rules: options.rules ?? null,
      releaseContainer: async (pod) => this.#containers?.releaseContainer(pod),
      describePod: options.describePod ?? (async () => null),
      nodeConditions: new Map(),
      readKernelDrops: null,
      log,
      publish: {
        pod: (pod) => this.emit('pod', summarizePod(pod)),
        deviceReady: ({ record }, device) => {
          const { kind, hooks, primaryName } = device;
          const ifindex = getPrimaryIfindex(device);
          this.emit('device-ready', { podId: record.id, name: primaryName, ifindex, kind, hooks });
        },
        removed: (pod) => {
          this.emit('pod-removed', pod.record.id);
          this.guard.removed(pod.record.id);
          this.#redirect.forget(pod.record.id);
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
    this.#adopted = new AdoptedPods(this.#context, (podId) => this.#redirect.save(podId, false));
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
      await options.rules?.activate(
        opened.programs,
        pods.map(({ record, metadata }) => toPolicyEndpoint(record, metadata)),
      );
    });
    const datapath = new Datapath(options, kernel, redirect, refusal);
    if (options.containers)
      datapath.#containers = await Containers.open(
        datapath.#context,
        datapath.#lifecycle,
        options.containers,
      );
    await datapath.#recover(pods, open);
    await datapath.#containers?.start();
    return datapath;
  }

  /** Containers of the node's runtimes. @throws Error if the datapath was opened without */
  get containers(): Containers {
    return requireValue(this.#containers, 'containers');
  }

  get capabilities(): KernelCapability[] {
    return [...this.#context.kernel.capabilities.values()];
  }

  /** Features of the kernel that the running programs use. */
  get features(): KernelContext['programs']['features'] {
    return this.#context.kernel.programs.features;
  }

  /** Faults of the node that concern its pods. */
  get conditions(): Condition[] {
    return [...this.#context.nodeConditions.values()];
  }

  /** Hook family of Podlane's programs on a device that others made. */
  get adoptionHooks(): HookFamily {
    return this.#context.kernel.primaryHooks;
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

  /** Returns true if a pod of this id or `namespace.name` is on the node. */
  has(idOrName: string): boolean {
    return this.#context.registry.get(idOrName) !== undefined;
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

  /** Reads what is on the hooks of a pod's device. @throws ProblemError `pod_not_found` */
  readHooks(id: string): Promise<PodHooks> {
    return this.#run(() => {
      const pod = this.#must(id);
      return readConsistently(pod, () => readPodHooks(this.#context.kernel, pod));
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

  /**
   * Checks whether a pod that others made can be adopted beside those that Podlane has.
   * @throws ProblemError `pod_exists`, `address_in_use`, `bad_netns`, `pod_gone`, `no_tcx`
   */
  checkAdoption(wanted: NewAdoptedPod): void {
    this.#adopted.check(wanted);
  }

  /**
   * Adopts a pod that others made, with the device that it has. A failure leaves nothing behind.
   * @throws ProblemError as `checkAdoption`, `pod_busy`, `no_slot`, `kernel_refused`
   */
  adopt(wanted: NewAdoptedPod): Promise<Pod> {
    return this.#run(async () => {
      const pod = await this.#adopted.adopt(wanted);
      this.emit('pod', summarizePod(pod));
      const { primaryName } = getCurrentDevice(pod);
      await this.#context.publish.event({
        type: 'pod.adopted',
        severity: 'info',
        podId: pod.record.id,
        migrationId: null,
        message: `${formatPodName(pod)} adopted by ${wanted.adoption.actor}, with its device ${primaryName} as it is`,
      });
      return readPod(this.#context.kernel, pod);
    });
  }

  /**
   * Plans the release of an adopted pod: its return to a device as others made it, unless it has that.
   * @throws ProblemError `pod_not_found`, `pod_not_adopted`, `pod_gone`, `no_slot`
   */
  planRelease(id: string): Promise<ReleasePlan> {
    return this.#run(async () => {
      const pod = this.#mustBeAdopted(id);
      const isOn = isForeignDevice(getCurrentDevice(pod));
      return {
        podId: pod.record.id,
        adoption: pod.record.adoption,
        migration: isOn ? null : await this.#migrations.planRelease(pod),
      };
    });
  }

  /**
   * Releases an adopted pod. One on a device of Podlane's first returns to one as others made it.
   * @returns the migration that it runs, which releases the pod when it is done; null if the pod is released
   * @throws ProblemError as `migrate`, `pod_not_adopted`
   */
  release(id: string, actor: string, accept: readonly string[]): Promise<Migration | null> {
    return this.#run(async () => {
      const pod = this.#mustBeAdopted(id);
      if (!isForeignDevice(getCurrentDevice(pod))) return this.#migrations.startRelease(pod, actor, accept);
      await withPod(pod, { type: 'detaching' }, `release ${formatPodName(pod)}`, (enter) =>
        finishRelease(this.#context, pod, enter, actor),
      );
      return null;
    });
  }

  #mustBeAdopted(id: string): LivePod & { record: { adoption: Adoption } } {
    const pod = this.#must(id);
    if (!isAdopted(pod))
      throw new ProblemError('pod_not_adopted', `release ${formatPodName(pod)}: Podlane attached it`, {
        hint: 'Remove it with DELETE /api/v1/pods/:id.',
      });
    return pod;
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

  /**
   * Changes labels, annotations or ports of a pod. The access rules follow.
   * @throws ProblemError `pod_not_found`, `kubernetes_owned` if the cluster sets them, `store_failed`
   */
  change(id: string, change: PodChange, actor: string): Promise<Pod> {
    return this.#run(async () => {
      const pod = this.#must(id);
      const name = formatPodName(pod);
      if (pod.metadata.uid !== null)
        throw new ProblemError('kubernetes_owned', `change pod ${name}: Kubernetes sets this of the pod`, {
          hint: `kubectl -n ${pod.record.namespace} label pod ${pod.record.name} KEY=VALUE`,
        });
      if (await changePodMetadata(this.#context, pod, toMetadataChange(change)))
        await this.#context.publish.event({
          type: 'pod.changed',
          severity: 'info',
          podId: pod.record.id,
          migrationId: null,
          message: `${actor} changed the ${Object.keys(change).join(' and ')} of ${name}`,
        });
      return readPod(this.#context.kernel, pod);
    });
  }

  /**
   * Has a pod be as the cluster describes it; null: the cluster knows it no longer, so users may change it again.
   * Does nothing for a pod that is not on the node, or that the cluster does not describe.
   */
  describeByCluster(namespace: string, name: string, described: PodDescription | null): Promise<void> {
    return this.#run(async () => {
      const pod = this.#context.registry.get(`${namespace}.${name}`);
      if (pod === undefined || (described === null && pod.metadata.uid === null)) return;
      await changePodMetadata(this.#context, pod, described ?? { uid: null });
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
    await this.#containers?.close();
    await this.#scope.close();
    await this.#lifecycle.close();
    await this.batches.close();
    await this.guard.close();
    await this.#reconciler.close();
    await this.#migrations.close();
    this.#context.kernel.interfaces.close();
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
    for (const pod of pods) await this.#migrations.finishReleaseOf(pod);
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

/** Removes the fields of a request that are undefined. */
const toMetadataChange = ({ labels, annotations, ports }: PodChange): PodMetadataChange => ({
  ...(labels && { labels }),
  ...(annotations && { annotations }),
  ...(ports && { ports }),
});
