import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import { type PodTrafficInterval, type PodTrafficReading, readPodTraffic } from './health-regression.ts';

/** Samples the traffic of pods that wait for migration, as a baseline for the health check afterwards. */
export class PodTrafficBaseline {
  readonly #kernel: KernelContext;
  readonly #samples = new Map<LivePod, { last: PodTrafficReading; beforeLast: PodTrafficReading }>();

  constructor(kernel: KernelContext) {
    this.#kernel = kernel;
  }

  /** Samples the traffic of `pods` and discards the samples of all other pods. */
  sample(pods: readonly LivePod[]): void {
    const known = new Map(this.#samples);
    this.#samples.clear();
    for (const pod of pods) {
      const last = readPodTraffic(this.#kernel, pod);
      this.#samples.set(pod, { last, beforeLast: known.get(pod)?.last ?? last });
    }
  }

  /** Returns a pod's traffic since its second-to-last sample, which covers one to two sample periods. */
  read(pod: LivePod): PodTrafficInterval {
    const to = readPodTraffic(this.#kernel, pod);
    return { from: this.#samples.get(pod)?.beforeLast ?? to, to };
  }
}
