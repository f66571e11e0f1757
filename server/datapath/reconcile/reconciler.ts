import { TaskScope, type TaskScopeTimer } from '../../async/task-scope.ts';
import { computeSlotFromIfindex } from '../../bpf/datapath-structs.ts';
import { type NetworkEvent, type NetworkWatcher, watchNetwork } from '../../netlink/monitor.ts';
import { type DatapathContext, formatPodName, setPodCondition } from '../datapath-context.ts';
import { wrapAsProblemError } from '../errors.ts';
import { type EnterPodActivity, isPodGone, tryWithPod, withPod } from '../pod-activity.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { removePodFromMemory } from '../pods/pod-lifecycle.ts';
import type { DeviceDrift } from './device-drift.ts';
import {
  detectPodDrift,
  reconcilePodAtStart,
  removeExtraDevices,
  removePodIfNamespaceGone,
  writePodMapEntries,
} from './reconcile-pod.ts';

/**
 * Milliseconds to collect related events: a namespace disappears link by link, and tools change one address at a
 * time.
 */
const debounceMs = 200;
/**
 * Milliseconds between two checks of every pod without an event, because the kernel sends none when a program is
 * detached.
 */
const resyncMs = 30_000;
/**
 * Number of repairs of the same drift within the window after which Podlane stops repairing it, because another tool
 * keeps changing it.
 */
const repairLimit = 3;
const repairWindowMs = 60_000;
/** Milliseconds until a drift that reached the repair limit is repaired again. */
const backOffMs = 600_000;

/**
 * Keeps devices as their pods asked for: reconciles a pod when links, addresses or routes change in any namespace, and
 * all pods periodically. Repairs what is Podlane's, shows what is not as a condition, and backs off from a conflict.
 */
export class PodReconciler {
  readonly #context: DatapathContext;
  readonly #repairedElsewhere: (pod: LivePod, key: string) => boolean;
  readonly #scope: TaskScope;
  readonly #queued = new Map<LivePod, TaskScopeTimer>();
  readonly #repairs = new WeakMap<LivePod, Map<string, number[]>>();
  #watch: NetworkWatcher | null = null;
  #next = 0;

  /** Creates a reconciler. @param repairedElsewhere returns true for a drift that another part of the agent repairs */
  constructor(
    context: DatapathContext,
    repairedElsewhere: (pod: LivePod, key: string) => boolean = () => false,
  ) {
    this.#context = context;
    this.#repairedElsewhere = repairedElsewhere;
    this.#scope = new TaskScope((error) => context.log.error({ err: error }, 'reconcile'));
  }

  /** Starts to watch the kernel's events; must be called before any state is read, so that no change is missed. */
  start(): void {
    this.#watch = watchNetwork(
      ['links', 'addresses', 'routes'],
      (event) => {
        if (event.type === 'resync') return this.#enqueueAll();
        const pod = this.#podOf(event);
        if (pod) this.enqueue(pod);
      },
      { allNamespaces: true },
    );
    // One pod at a time, so that a node with many pods has no moment in which all are read.
    this.#scope.every(
      () => resyncMs / (this.#context.registry.all().length + 1),
      () => this.#resyncNext(),
    );
  }

  /** Stops the reconciler and waits for the pod that is being reconciled. */
  async close(): Promise<void> {
    this.#watch?.close();
    await this.#scope.close();
  }

  /** Reconciles a pod's devices and record with the kernel, before the agent serves requests. */
  async reconcileAtStart(pod: LivePod): Promise<void> {
    try {
      await withPod(pod, { type: 'repairing' }, `reconcile ${formatPodName(pod)}`, async (enter) => {
        writePodMapEntries(this.#context.kernel, pod);
        const repaired = await reconcilePodAtStart(this.#context, pod);
        if (repaired === null) return this.#forget(pod, enter);
        for (const message of repaired) await this.#publish(pod, 'warning', message);
      });
    } catch (error) {
      this.#failed(pod, error);
    }
  }

  /** Schedules the pod to be reconciled soon. */
  enqueue(pod: LivePod): void {
    if (this.#queued.has(pod)) return;
    const timer = this.#scope.after(debounceMs, () => {
      this.#queued.delete(pod);
      return this.reconcile(pod);
    });
    this.#queued.set(pod, timer);
  }

  /**
   * Reconciles a pod after a migration. Repairs of the old device do not count toward the new device's repair limit.
   */
  afterMigration(pod: LivePod): void {
    this.#repairs.delete(pod);
    this.enqueue(pod);
  }

  /** Compares the pod with the kernel and repairs drift. Does nothing while another activity of the pod is running. */
  async reconcile(pod: LivePod): Promise<void> {
    await tryWithPod(pod, { type: 'repairing' }, (enter) => this.#repair(pod, enter));
  }

  async #repair(pod: LivePod, enter: EnterPodActivity): Promise<void> {
    try {
      if (await removePodIfNamespaceGone(this.#context, pod)) return await this.#forget(pod, enter);
      for (const message of await removeExtraDevices(this.#context, pod))
        await this.#publish(pod, 'warning', message);
      using namespace = openPodNamespace(pod.record);
      const all = await detectPodDrift(this.#context, pod, namespace);
      const found = all.filter(({ key }) => !this.#repairedElsewhere(pod, key));
      for (const key of pod.conditions.keys())
        if (key.startsWith('drift ') && !found.some((each) => `drift ${each.key}` === key))
          setPodCondition(this.#context, pod, key, null);
      for (const drift of found) await this.#treat(pod, drift);
      setPodCondition(this.#context, pod, 'reconcile', null);
    } catch (error) {
      this.#failed(pod, error);
    }
  }

  async #treat(pod: LivePod, { key, message, repair }: DeviceDrift): Promise<void> {
    const condition = `drift ${key}`;
    const known = pod.conditions.has(condition);
    if (!repair) {
      setPodCondition(this.#context, pod, condition, message);
      if (!known) await this.#publish(pod, 'warning', `${formatPodName(pod)}: ${message}`);
      return;
    }
    const repairs = this.#recentRepairs(pod, key);
    if (repairs.length >= repairLimit) {
      const conflict = `${message}, again after ${repairs.length} repairs; Podlane no longer repairs it`;
      setPodCondition(this.#context, pod, condition, conflict);
      if (!known) await this.#publish(pod, 'error', `${formatPodName(pod)}: ${conflict}`);
      return;
    }
    repairs.push(Date.now());
    await repair();
    await this.#publish(pod, 'warning', `${formatPodName(pod)}: ${message}; repaired`);
  }

  /** Returns the times of a drift's recent repairs, which count toward the repair limit. */
  #recentRepairs(pod: LivePod, key: string): number[] {
    const all = this.#repairs.get(pod) ?? new Map<string, number[]>();
    this.#repairs.set(pod, all);
    const times = all.get(key) ?? [];
    const horizon = Date.now() - (times.length >= repairLimit ? backOffMs : repairWindowMs);
    const recent = times.filter((time) => time > horizon);
    all.set(key, recent);
    return recent;
  }

  #failed(pod: LivePod, error: unknown): void {
    if (isPodGone(pod)) return;
    const problem = wrapAsProblemError(error);
    this.#context.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
    setPodCondition(this.#context, pod, 'reconcile', problem.message);
  }

  #forget(pod: LivePod, enter: EnterPodActivity): Promise<void> {
    const message = `the namespace of ${formatPodName(pod)} at ${pod.record.netnsPath} is gone`;
    return removePodFromMemory(this.#context, pod, enter, 'pod.gone', message);
  }

  #publish(pod: LivePod, severity: 'warning' | 'error', message: string): Promise<void> {
    return this.#context.publish.event({
      type: 'drift',
      severity,
      podId: pod.record.id,
      migrationId: null,
      message,
    });
  }

  /** Finds the pod of a network event by ifindex, which Podlane chooses to be unique across all namespaces. */
  #podOf(event: Exclude<NetworkEvent, { type: 'resync' }>): LivePod | undefined {
    const ifindex =
      event.type === 'link'
        ? event.link.ifindex
        : event.type === 'address'
          ? event.address.ifindex
          : event.route.ifindex;
    const slot = ifindex === null ? null : computeSlotFromIfindex(ifindex);
    return slot === null ? undefined : this.#context.registry.findBySlot(slot);
  }

  #enqueueAll(): void {
    for (const pod of this.#context.registry.all()) this.enqueue(pod);
  }

  async #resyncNext(): Promise<void> {
    const pod = this.#context.registry.all()[this.#next++];
    if (pod) await this.reconcile(pod);
    else this.#next = 0;
  }
}
