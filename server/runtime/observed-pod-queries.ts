import { EventEmitter } from 'node:events';
import type { ObservedPodPath } from '../../contract/observed-path.ts';
import type { ObservedPod, ObservedPodSummary, ObserveMode, Runtime } from '../../contract/observed-pod.ts';
import type { KernelDropCounters } from '../counters/kernel-drop-counters.ts';
import type { CounterSample } from '../counters/sample.ts';
import { wrapAsProblemError } from '../datapath/wrap-as-problem.ts';
import { describeObservedPod } from './describe-pod.ts';
import type { ObservedPodEvents, ObservedPods } from './observed-pods.ts';
import { NatRules } from './path/nat-rules.ts';
import { readObservedPath } from './path/read-observed-path.ts';

/** What the listeners ask of observed pods: lists and descriptions, never a change. */
export class ObservedPodQueries extends EventEmitter<ObservedPodEvents> {
  readonly #observed: ObservedPods;
  readonly #drops: Pick<KernelDropCounters, 'read' | 'readAll'>;
  readonly #ourPrograms: () => readonly number[];
  readonly #nat = new NatRules();

  /** @param ourPrograms returns the ids of all of Podlane's programs */
  constructor(
    observed: ObservedPods,
    drops: Pick<KernelDropCounters, 'read' | 'readAll'>,
    ourPrograms: () => readonly number[],
  ) {
    super();
    this.#observed = observed;
    this.#drops = drops;
    this.#ourPrograms = ourPrograms;
    observed.on('pod', (pod) => this.emit('pod', pod));
    observed.on('pod-removed', (id) => this.emit('pod-removed', id));
    observed.on('sample', (sample) => this.emit('sample', sample));
  }

  get mode(): ObserveMode {
    return this.#observed.mode;
  }

  get latest(): CounterSample | null {
    return this.#observed.latest;
  }

  summaries(): ObservedPodSummary[] {
    return this.#observed.summaries();
  }

  runtimes(): Runtime[] {
    return this.#observed.runtimes();
  }

  /** Returns what the kernel dropped in the namespaces of observed pods, by their number. */
  kernelDrops(): ReturnType<KernelDropCounters['readAll']> {
    return this.#drops.readAll();
  }

  /** @throws ProblemError `observed_pod_not_found`, `kernel_refused` */
  describe(id: string): Promise<ObservedPod> {
    return asProblem(() =>
      describeObservedPod(
        { observed: this.#observed, drops: this.#drops, ourPrograms: this.#ourPrograms },
        id,
      ),
    );
  }

  /** @throws ProblemError `observed_pod_not_found`, `not_found`, `pod_gone`, `kernel_refused` */
  path(id: string, name?: string): Promise<ObservedPodPath> {
    return asProblem(() =>
      readObservedPath(
        { observed: this.#observed, nat: this.#nat, ourPrograms: this.#ourPrograms },
        id,
        name,
      ),
    );
  }
}

async function asProblem<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw wrapAsProblemError(error);
  }
}
