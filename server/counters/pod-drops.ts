import type { EventEmitter } from 'node:events';
import { dropCounterDefinitions } from '../../contract/counter-table.ts';
import type { PodDrops, ProgramDrops } from '../../contract/drops.ts';
import { ProblemError } from '../../contract/problem.ts';
import { counterIndexByName } from '../bpf/counter-layout.ts';
import type { CounterMap } from '../bpf/counter-map.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { DatapathEvents } from '../datapath/datapath-events.ts';
import type { SampledPod } from '../datapath/sampled-pod.ts';
import type { KernelDropCounters } from './kernel-drop-counters.ts';

type Pods = EventEmitter<DatapathEvents> & Pick<Datapath, 'all' | 'get' | 'summaries'>;

/**
 * Dropped packets of the node's pods: by Podlane's programs, from the BPF counters, and by the kernel, counted while
 * this object is open.
 */
export class PodDropCounters {
  readonly #pods: Pods;
  readonly #counters: Pick<CounterMap, 'read'>;
  readonly #kernel: KernelDropCounters;
  /** Pod numbers by pod id, because the event of a removed pod contains only the id. */
  readonly #numbers = new Map<string, number>();
  readonly #changed = ({ id }: { id: string }): void => this.#track(this.#pods.get(id));
  /**
   * Updates the slots of a tracked pod. A migration adds the pod's second device before it publishes the event `pod`.
   */
  readonly #migrated = ({ podId }: { podId: string }): void => this.#track(this.#pods.get(podId));
  readonly #removed = (id: string): void => {
    const number = this.#numbers.get(id);
    if (number !== undefined) this.#kernel.untrack(number);
    this.#numbers.delete(id);
  };

  constructor(pods: Pods, counters: Pick<CounterMap, 'read'>, kernel: KernelDropCounters) {
    this.#pods = pods;
    this.#counters = counters;
    this.#kernel = kernel;
    for (const pod of pods.all()) this.#track(pod);
    pods.on('pod', this.#changed).on('migration', this.#migrated).on('pod-removed', this.#removed);
  }

  /** Returns the dropped packets of a pod by reason. @param id id of an existing pod */
  of(id: string): PodDrops {
    const pod = this.#pods.get(id);
    const summary = this.#pods.summaries().find((summary) => summary.id === id);
    if (pod === undefined || summary === undefined)
      throw new ProblemError('pod_not_found', `there is no pod ${id}`);
    return { since: summary.createdAt, ours: this.#ownDrops(pod), kernel: this.#kernel.read(pod.number) };
  }

  /** Returns the kernel drops of each pod by pod number, without pods that have none. */
  kernel(): ReturnType<KernelDropCounters['readAll']> {
    return this.#kernel.readAll();
  }

  close(): void {
    this.#pods.off('pod', this.#changed).off('migration', this.#migrated).off('pod-removed', this.#removed);
    this.#kernel.close();
  }

  #track(pod: SampledPod | undefined): void {
    if (pod === undefined) return;
    this.#numbers.set(pod.id, pod.number);
    this.#kernel.track(pod);
  }

  #ownDrops({ slots, carried }: SampledPod): ProgramDrops[] {
    const sums = [carried, ...slots.map((slot) => this.#counters.read(slot))];
    return dropCounterDefinitions
      .map(({ name, reason, direction }) => {
        const total = sums.reduce(
          (total, counters) => total + (counters[counterIndexByName[name]] ?? 0n),
          0n,
        );
        return { reason, direction, packets: Number(total) };
      })
      .filter(({ packets }) => packets > 0)
      .sort((a, b) => b.packets - a.packets);
  }
}
