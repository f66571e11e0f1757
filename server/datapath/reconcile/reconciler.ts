import { TaskScope, type TaskScopeTimer } from '../../async/task-scope.ts';
import { computeSlotFromIfindex } from '../../bpf/datapath-structs.ts';
import { type NetworkEvent, type NetworkWatcher, watchNetwork } from '../../netlink/monitor.ts';
import { type DatapathContext, formatPodName, setPodCondition } from '../datapath-context.ts';
import { finishHookMove } from '../device/move-hooks.ts';
import { listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import { type EnterPodActivity, isPodGone, tryWithPod, withPod } from '../pod-activity.ts';
import { currentNamespacePath, openPodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { removePodFromMemory } from '../pods/pod-lifecycle.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import { DriftRepairs, type DriftSubject } from './drift-repairs.ts';
import { NodeReconciler, nodeResyncMs } from './node-reconciler.ts';
import {
  detectPodDrift,
  isAdoptedDeviceGone,
  namespaceCondition,
  readPodNamespaceState,
  removeExtraDevices,
  removePodOfGoneNamespace,
  writePodMapEntries,
} from './reconcile-pod.ts';
import { hasUnannouncedDrift } from './unannounced-drift.ts';

/**
 * Milliseconds to collect related events: a namespace disappears link by link, and tools change one address at a
 * time.
 */
const debounceMs = 200;
/**
 * Milliseconds between two looks at every pod without an event, because the kernel sends none when a program is
 * detached. A look that finds nothing, of a pod without conditions, does not read what the kernel announces.
 */
const resyncMs = 30_000;
/** Longest time in milliseconds after which everything of a pod is read again all the same; the shortest is half of it. */
const longestUnreadMs = 600_000;
/** Minimum milliseconds between two groups of pods: many timers cost more than what they do. */
const groupMs = 250;
/** Ifindex in events of a sysctl for all interfaces of a namespace: NETCONFA_IFINDEX_ALL, <linux/netconf.h>. */
const allInterfaces = -1;
/** Prefix of the keys of conditions that stand for drift. */
const driftPrefix = 'drift ';

type PodNetworkEvent = Exclude<NetworkEvent, { type: 'resync' }>;

function ifindexOf(event: PodNetworkEvent): number | null {
  switch (event.type) {
    case 'link':
      return event.link.ifindex;
    case 'address':
      return event.address.ifindex;
    case 'route':
      return event.route.ifindex;
    case 'neighbor':
      return event.neighbor.ifindex;
    case 'settings':
      return event.ifindex;
    case 'namespace':
      return null;
  }
}

/** True if a pod's device has a permanent neighbor entry of this address, on the host or in the pod. */
const isNeighborOfPod = ({ record: { network } }: LivePod, address: string): boolean =>
  [...network.addresses.map(stripPrefixLength), ...listPodGateways(network)].includes(address);

const withoutPrefix = (key: string): string => key.slice(driftPrefix.length);

/**
 * Keeps devices as their pods asked for: reconciles a pod when links, addresses or routes change in any namespace, and
 * all pods and the node periodically. Repairs what is Podlane's, shows what is not as a condition, and backs off from a
 * conflict.
 */
export class PodReconciler {
  readonly #context: DatapathContext;
  readonly #repairedElsewhere: (pod: LivePod, key: string) => boolean;
  readonly #scope: TaskScope;
  readonly #queued = new Map<LivePod, TaskScopeTimer>();
  readonly #repairs = new WeakMap<LivePod, DriftRepairs>();
  readonly #node: NodeReconciler;
  /** When everything of a pod is to be read again, as `performance.now()`: at random times, not all pods at once. */
  readonly #readDue = new WeakMap<LivePod, number>();
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
    this.#node = new NodeReconciler(context, this.#scope, () => {
      for (const pod of context.registry.all()) this.enqueue(pod);
    });
  }

  /** Starts to watch the kernel's events; must be called before any state is read, so that no change is missed. */
  start(): void {
    this.#watch = watchNetwork(
      ['links', 'addresses', 'routes', 'neighbors', 'settings'],
      (event) => {
        if (event.type === 'resync') return this.#enqueueAll();
        // Settings of other namespaces are the pods' own.
        if (event.type === 'settings') {
          if (event.nsid !== null) return;
          this.#node.enqueue();
          if (event.ifindex === allInterfaces) return this.#enqueueAll();
        }
        const pod = this.#podOf(event);
        if (pod) this.enqueue(pod);
      },
      { allNamespaces: true },
    );
    // A few pods at a time, so that a node with many pods has no moment in which all are read.
    this.#scope.every(
      () => Math.max(groupMs, resyncMs / (this.#context.registry.size + 1)),
      () => this.#resyncNextGroup(),
    );
    this.#scope.every(nodeResyncMs, () => this.#node.reconcile());
  }

  /** Stops the reconciler and waits for the pod that is being reconciled. */
  async close(): Promise<void> {
    this.#watch?.close();
    await this.#scope.close();
  }

  /** Reconciles a pod's devices and record with the kernel, before the agent serves requests. */
  async reconcileAtStart(pod: LivePod): Promise<void> {
    const what = `reconcile ${formatPodName(pod)}`;
    await withPod(pod, { type: 'repairing' }, what, async (enter) => {
      writePodMapEntries(this.#context.kernel, pod);
      await this.#reconcile(pod, enter);
      if (isPodGone(pod) || pod.conditions.has('reconcile')) return;
      await finishHookMove(this.#context.kernel, pod, getCurrentDevice(pod));
    }).catch((error: unknown) => this.#failed(pod, error));
  }

  /** Reconciles the node, before the agent serves requests. */
  reconcileNode(): Promise<void> {
    return this.#node.reconcile();
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
    await tryWithPod(pod, { type: 'repairing' }, (enter) => this.#reconcile(pod, enter));
  }

  async #reconcile(pod: LivePod, enter: EnterPodActivity): Promise<void> {
    this.#readDue.set(pod, performance.now() + (longestUnreadMs * (1 + Math.random())) / 2);
    try {
      const state = await readPodNamespaceState(this.#context, pod);
      if (state === 'gone') {
        await removePodOfGoneNamespace(this.#context, pod);
        const message = `the namespace of ${formatPodName(pod)} at ${pod.record.netnsPath} is gone`;
        return await this.#forget(pod, enter, message);
      }
      await this.#noteNamespace(pod, state);
      if (state === 'hidden') return;
      if (await isAdoptedDeviceGone(this.#context, pod)) {
        await removePodOfGoneNamespace(this.#context, pod);
        return await this.#forget(pod, enter, `the device of ${formatPodName(pod)} was removed`);
      }
      for (const message of await removeExtraDevices(this.#context, pod))
        await this.#publish(pod, 'warning', message);
      await this.#repairDrift(pod);
      setPodCondition(this.#context, pod, 'reconcile', null);
    } catch (error) {
      this.#failed(pod, error);
    }
  }

  /** Sets the condition of a pod whose namespace is not at its path any more, and clears it once it is back. */
  async #noteNamespace(pod: LivePod, state: 'open' | 'hidden'): Promise<void> {
    const found = namespaceCondition(pod, state, currentNamespacePath(pod));
    const known = pod.conditions.get('namespace');
    setPodCondition(this.#context, pod, 'namespace', found);
    if (found && known?.reason !== found.reason)
      await this.#publish(pod, 'warning', `${formatPodName(pod)}: ${found.message}`);
  }

  async #repairDrift(pod: LivePod): Promise<void> {
    const repairs = this.#repairs.get(pod) ?? new DriftRepairs();
    this.#repairs.set(pod, repairs);
    using namespace = openPodNamespace(pod);
    await repairs.run(this.#subject(pod), async () =>
      (await detectPodDrift(this.#context, pod, namespace)).filter(
        ({ key }) => !this.#repairedElsewhere(pod, key),
      ),
    );
  }

  #subject(pod: LivePod): DriftSubject {
    return {
      name: formatPodName(pod),
      conditions: () =>
        [...pod.conditions.keys()].filter((key) => key.startsWith(driftPrefix)).map(withoutPrefix),
      setCondition: (key, found) => setPodCondition(this.#context, pod, `${driftPrefix}${key}`, found),
      publish: (severity, message) => this.#publish(pod, severity, message),
      runAgain: (ms) => {
        this.#scope.after(ms, () => this.reconcile(pod));
      },
    };
  }

  #failed(pod: LivePod, error: unknown): void {
    if (isPodGone(pod)) return;
    const problem = wrapAsProblemError(error);
    this.#context.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
    setPodCondition(this.#context, pod, 'reconcile', {
      reason: 'reconcile_failed',
      message: problem.message,
      remedy: problem.hint ?? null,
    });
  }

  #forget(pod: LivePod, enter: EnterPodActivity, message: string): Promise<void> {
    return removePodFromMemory(this.#context, pod, enter, { type: 'pod.gone', message });
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

  /**
   * Finds the pod of a network event by ifindex, which Podlane chooses to be unique across all namespaces. Of a device that
   * others made the primary alone is found, in the host's namespace.
   */
  #podOf(event: PodNetworkEvent): LivePod | undefined {
    const ifindex = ifindexOf(event);
    const slot = ifindex === null ? null : computeSlotFromIfindex(ifindex);
    const { registry } = this.#context;
    const pod =
      slot !== null
        ? registry.findBySlot(slot)
        : ifindex !== null && event.type === 'link' && event.nsid === null
          ? registry.findByForeignPrimary(ifindex)
          : undefined;
    // Others that the kernel learned come and go with the traffic.
    if (pod && event.type === 'neighbor' && !isNeighborOfPod(pod, event.neighbor.address)) return undefined;
    return pod;
  }

  #enqueueAll(): void {
    this.#node.enqueue();
    for (const pod of this.#context.registry.all()) this.enqueue(pod);
  }

  /** Looks at the next pods, as many as are due after `groupMs`. */
  async #resyncNextGroup(): Promise<void> {
    const pods = this.#context.registry.all();
    const count = Math.max(1, Math.round((pods.length + 1) * (groupMs / resyncMs)));
    const group = pods.slice(this.#next, this.#next + count);
    this.#next = group.length < count ? 0 : this.#next + count;
    for (const pod of group)
      if (!this.#scope.closed && (await this.#isReadDue(pod))) await this.reconcile(pod);
  }

  /** True if everything of a pod has to be read although the kernel announced no change of it. */
  async #isReadDue(pod: LivePod): Promise<boolean> {
    if (pod.conditions.size > 0 || performance.now() >= (this.#readDue.get(pod) ?? 0)) return true;
    return hasUnannouncedDrift(this.#context.kernel, pod).catch(() => true);
  }
}
