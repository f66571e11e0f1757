import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import { type PodTrafficInterval, type PodTrafficReading, readPodTraffic } from './health.ts';

/** Samples the traffic of pods that wait for their migration, to compare their health with afterwards. */
export class PodTrafficBaseline {
  readonly #kernel: KernelContext;
  readonly #samples = new Map<LivePod, { last: PodTrafficReading; beforeLast: PodTrafficReading }>();

  constructor(kernel: KernelContext) {
    this.#kernel = kernel;
  }

  /** Samples these pods now and forgets all others. */
  sample(pods: readonly LivePod[]): void {
    const known = new Map(this.#samples);
    this.#samples.clear();
    for (const pod of pods) {
      const last = readPodTraffic(this.#kernel, pod);
      this.#samples.set(pod, { last, beforeLast: known.get(pod)?.last ?? last });
    }
  }

  /** Returns the traffic since the sample before the last: one to two sample periods, once there were two samples. */
  read(pod: LivePod): PodTrafficInterval {
    const to = readPodTraffic(this.#kernel, pod);
    return { from: this.#samples.get(pod)?.beforeLast ?? to, to };
  }
}
