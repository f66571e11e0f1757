import { slotOf } from '../../bpf/layout.ts';
import { type NetworkEvent, type NetworkWatch, watchNetwork } from '../../netlink/monitor.ts';
import { attend, type DatapathContext, forget, nameOf } from '../context.ts';
import { asProblemError } from '../errors.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import type { Difference } from './drift.ts';
import { closeIfGone, describe, differences, dropExtraDevices, reconcileAtStart } from './reconcile.ts';

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
  readonly #core: DatapathContext;
  readonly #leaves: (pod: LivePod, key: string) => boolean;
  readonly #due = new Map<LivePod, NodeJS.Timeout>();
  readonly #repairs = new WeakMap<LivePod, Map<string, number[]>>();
  #watch: NetworkWatch | null = null;
  #round: NodeJS.Timeout | null = null;
  #next = 0;

  /** @param leaves whether what differs in a pod is somebody else's to repair */
  constructor(core: DatapathContext, leaves: (pod: LivePod, key: string) => boolean = () => false) {
    this.#core = core;
    this.#leaves = leaves;
  }

  /** Watches from before the state is read, so that nothing falls between. */
  start(): void {
    this.#watch = watchNetwork(
      ['links', 'addresses', 'routes'],
      (event) => {
        if (event.type === 'resync') return this.#lookAtAll();
        const pod = this.#podOf(event);
        if (pod) this.lookSoon(pod);
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

  async takeOver(pod: LivePod): Promise<void> {
    try {
      describe(this.#core.ground, pod);
      const done = await reconcileAtStart(this.#core, pod);
      if (done === null) return this.#gone(pod);
      for (const sentence of done) await this.#tell(pod, 'warning', sentence);
    } catch (error) {
      const problem = asProblemError(error);
      this.#core.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
      attend(this.#core, pod, 'reconcile', problem.message);
    }
  }

  lookSoon(pod: LivePod): void {
    if (this.#due.has(pod)) return;
    const timer = setTimeout(() => {
      this.#due.delete(pod);
      void this.look(pod);
    }, settleMs);
    this.#due.set(pod, timer);
  }

  /** Looks at a pod whose migration ended or was refused: repairs of the device before do not count against its new one. */
  afterMigration(pod: LivePod): void {
    this.#repairs.delete(pod);
    this.lookSoon(pod);
  }

  /** Looks at the pod now, and repairs what may be repaired. Leaves a pod alone that something else works on. */
  async look(pod: LivePod): Promise<void> {
    if (pod.migration || pod.leaving || pod.gone || pod.repairing) return;
    pod.repairing = this.#look(pod).finally(() => {
      pod.repairing = null;
    });
    await pod.repairing;
  }

  async #look(pod: LivePod): Promise<void> {
    try {
      if (await closeIfGone(this.#core, pod)) return await this.#gone(pod);
      for (const sentence of await dropExtraDevices(this.#core, pod))
        await this.#tell(pod, 'warning', sentence);
      using namespace = openPodNamespace(pod.record);
      const device = currentDevice(pod);
      const all = await differences(this.#core, pod, namespace);
      // What was read while a migration began is of two devices.
      if (pod.migration || pod.leaving || currentDevice(pod) !== device) return;
      const found = all.filter(({ key }) => !this.#leaves(pod, key));
      for (const key of pod.attention.keys())
        if (key.startsWith('drift ') && !found.some((each) => `drift ${each.key}` === key))
          attend(this.#core, pod, key, null);
      for (const difference of found) await this.#treat(pod, difference);
      attend(this.#core, pod, 'reconcile', null);
    } catch (error) {
      if (pod.gone || pod.leaving || pod.migration) return;
      const problem = asProblemError(error);
      this.#core.log.error({ err: problem, pod: pod.record.id }, 'reconcile');
      attend(this.#core, pod, 'reconcile', problem.message);
    }
  }

  async #treat(pod: LivePod, { key, sentence, repair }: Difference): Promise<void> {
    const shown = pod.attention.has(`drift ${key}`);
    if (!repair) {
      attend(this.#core, pod, `drift ${key}`, sentence);
      if (!shown) await this.#tell(pod, 'warning', `${nameOf(pod)}: ${sentence}`);
      return;
    }
    const repairs = this.#recent(pod, key);
    if (repairs.length >= repairLimit) {
      const left = `${sentence}, again after ${repairs.length} repairs; it is left as it is`;
      attend(this.#core, pod, `drift ${key}`, left);
      if (!shown) await this.#tell(pod, 'error', `${nameOf(pod)}: ${left}`);
      return;
    }
    repairs.push(Date.now());
    await repair();
    await this.#tell(pod, 'warning', `${nameOf(pod)}: ${sentence}; repaired`);
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
    await forget(
      this.#core,
      pod,
      'pod.gone',
      `the namespace of ${nameOf(pod)} at ${pod.record.netnsPath} is gone`,
    );
  }

  #tell(pod: LivePod, severity: 'warning' | 'error', message: string): Promise<void> {
    return this.#core.tell.event({
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
    return slot === null ? undefined : this.#core.registry.ofSlot(slot);
  }

  #lookAtAll(): void {
    for (const pod of this.#core.registry.all()) this.lookSoon(pod);
  }

  /** One pod at a time, so that a node of many has no moment in which all are read. */
  #turn(): void {
    const pods = this.#core.registry.all();
    this.#round = setTimeout(
      async () => {
        const pod = this.#core.registry.all()[this.#next++];
        if (pod) await this.look(pod);
        else this.#next = 0;
        if (this.#round) this.#turn();
      },
      roundMs / (pods.length + 1),
    );
    this.#round.unref();
  }
}
