import { slotOf } from '../../bpf/slot-layout.ts';
import { type NetworkEvent, type NetworkWatch, watchNetwork } from '../../netlink/monitor.ts';
import { type DatapathContext, forgetPod, podName, setCondition } from '../context.ts';
import { asProblemError } from '../errors.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import type { Drift } from './drift.ts';
import {
  detectDrift,
  reconcileAtStart,
  removeExtraDevices,
  removeIfNamespaceGone,
  writePodConfig,
} from './reconcile.ts';

/** Time for what belongs together to be over: a namespace goes link by link, a tool changes address by address. */
const settleMs = 200;
/** Every pod is looked at this often although nothing was heard: a program can be detached without a word. */
const roundMs = 30_000;
/** Somebody who changes the same thing again after this many repairs within the time means it: leave it to them. */
const repairLimit = 3;
const repairWindowMs = 60_000;
/** After which a repair is tried again. */
const truceMs = 600_000;

/**
 * Keeps devices as their pods asked for: looks when links, addresses or routes change in any namespace, and round
 * by round. What is ours is repaired, and what is not is shown; neither is fought over.
 */
export class Reconciler {
  readonly #context: DatapathContext;
  readonly #leaves: (pod: LivePod, key: string) => boolean;
  readonly #due = new Map<LivePod, NodeJS.Timeout>();
  readonly #repairs = new WeakMap<LivePod, Map<string, number[]>>();
  #watch: NetworkWatch | null = null;
  #round: NodeJS.Timeout | null = null;
  #next = 0;

  /** @param leaves whether what differs in a pod is somebody else's to repair */
  constructor(context: DatapathContext, leaves: (pod: LivePod, key: string) => boolean = () => false) {
    this.#context = context;
    this.#leaves = leaves;
  }

  /** Watches from before the state is read, so that nothing falls between. */
  start(): void {
    this.#watch = watchNetwork(
      ['links', 'addresses', 'routes'],
      (event) => {
        if (event.type === 'resync') return this.#lookAtAll();
        const pod = this.#podOf(event);
        if (pod) this.enqueue(pod);
      },
      { allNamespaces: true },
    );
    this.#turn();
  }

  close(): void {
    this.#watch?.close();
    if (this.#round) clearTimeout(this.#round);
    for (const timer of this.#due.values()) clearTimeout(timer);
    this.#due.clear();
  }

  async reconcileAtStart(pod: LivePod): Promise<void> {
    try {
      writePodConfig(this.#context.kernel, pod);
      const done = await reconcileAtStart(this.#context, pod);
      if (done === null) return this.#gone(pod);
      for (const sentence of done) await this.#publish(pod, 'warning', sentence);
    } catch (error) {
      const problem = asProblemError(error);
      this.#context.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
      setCondition(this.#context, pod, 'reconcile', problem.message);
    }
  }

  enqueue(pod: LivePod): void {
    if (this.#due.has(pod)) return;
    const timer = setTimeout(() => {
      this.#due.delete(pod);
      void this.reconcile(pod);
    }, settleMs);
    this.#due.set(pod, timer);
  }

  /** Looks at a pod whose migration ended or was refused: repairs of the device before do not count against its new one. */
  afterMigration(pod: LivePod): void {
    this.#repairs.delete(pod);
    this.enqueue(pod);
  }

  /** Looks at the pod now, and repairs what may be repaired. Leaves a pod alone that something else works on. */
  async reconcile(pod: LivePod): Promise<void> {
    if (pod.migration || pod.leaving || pod.gone || pod.repairing) return;
    pod.repairing = this.#look(pod).finally(() => {
      pod.repairing = null;
    });
    await pod.repairing;
  }

  async #look(pod: LivePod): Promise<void> {
    try {
      if (await removeIfNamespaceGone(this.#context, pod)) return await this.#gone(pod);
      for (const sentence of await removeExtraDevices(this.#context, pod))
        await this.#publish(pod, 'warning', sentence);
      using namespace = openPodNamespace(pod.record);
      const device = currentDevice(pod);
      const all = await detectDrift(this.#context, pod, namespace);
      // What was read while a migration began is of two devices.
      if (pod.migration || pod.leaving || currentDevice(pod) !== device) return;
      const found = all.filter(({ key }) => !this.#leaves(pod, key));
      for (const key of pod.conditions.keys())
        if (key.startsWith('drift ') && !found.some((each) => `drift ${each.key}` === key))
          setCondition(this.#context, pod, key, null);
      for (const difference of found) await this.#treat(pod, difference);
      setCondition(this.#context, pod, 'reconcile', null);
    } catch (error) {
      if (pod.gone || pod.leaving || pod.migration) return;
      const problem = asProblemError(error);
      this.#context.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
      setCondition(this.#context, pod, 'reconcile', problem.message);
    }
  }

  async #treat(pod: LivePod, { key, message: sentence, repair }: Drift): Promise<void> {
    const shown = pod.conditions.has(`drift ${key}`);
    if (!repair) {
      setCondition(this.#context, pod, `drift ${key}`, sentence);
      if (!shown) await this.#publish(pod, 'warning', `${podName(pod)}: ${sentence}`);
      return;
    }
    const repairs = this.#recent(pod, key);
    if (repairs.length >= repairLimit) {
      const left = `${sentence}, again after ${repairs.length} repairs; it is left as it is`;
      setCondition(this.#context, pod, `drift ${key}`, left);
      if (!shown) await this.#publish(pod, 'error', `${podName(pod)}: ${left}`);
      return;
    }
    repairs.push(Date.now());
    await repair();
    await this.#publish(pod, 'warning', `${podName(pod)}: ${sentence}; repaired`);
  }

  /** Times of this difference's repairs that still count against another one. */
  #recent(pod: LivePod, key: string): number[] {
    const all = this.#repairs.get(pod) ?? new Map<string, number[]>();
    this.#repairs.set(pod, all);
    const times = all.get(key) ?? [];
    const horizon = Date.now() - (times.length >= repairLimit ? truceMs : repairWindowMs);
    const recent = times.filter((time) => time > horizon);
    all.set(key, recent);
    return recent;
  }

  async #gone(pod: LivePod): Promise<void> {
    await forgetPod(
      this.#context,
      pod,
      'pod.gone',
      `the namespace of ${podName(pod)} at ${pod.record.netnsPath} is gone`,
    );
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

  /** Our devices' ends have indexes of their own in every namespace. */
  #podOf(event: Exclude<NetworkEvent, { type: 'resync' }>): LivePod | undefined {
    const ifindex =
      event.type === 'link'
        ? event.link.ifindex
        : event.type === 'address'
          ? event.address.ifindex
          : event.route.ifindex;
    const slot = ifindex === null ? null : slotOf(ifindex);
    return slot === null ? undefined : this.#context.registry.findBySlot(slot);
  }

  #lookAtAll(): void {
    for (const pod of this.#context.registry.all()) this.enqueue(pod);
  }

  /** One pod at a time, so that a node of many has no moment in which all are read. */
  #turn(): void {
    const pods = this.#context.registry.all();
    this.#round = setTimeout(
      async () => {
        const pod = this.#context.registry.all()[this.#next++];
        if (pod) await this.reconcile(pod);
        else this.#next = 0;
        if (this.#round) this.#turn();
      },
      roundMs / (pods.length + 1),
    );
    this.#round.unref();
  }
}
