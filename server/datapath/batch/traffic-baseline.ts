import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import { readTraffic, type TrafficInterval, type TrafficReading } from './health.ts';

/** Remembers the traffic of pods that wait for their migration, beat by beat. */
export class TrafficBaseline {
  readonly #kernel: KernelContext;
  readonly #beats = new Map<LivePod, { last: TrafficReading; beforeLast: TrafficReading }>();

  constructor(kernel: KernelContext) {
    this.#kernel = kernel;
  }

  /** Reads these pods now and forgets all others. */
  beat(pods: readonly LivePod[]): void {
    const known = new Map(this.#beats);
    this.#beats.clear();
    for (const pod of pods) {
      const last = readTraffic(this.#kernel, pod);
      this.#beats.set(pod, { last, beforeLast: known.get(pod)?.last ?? last });
    }
  }

  /** From the beat before the last to now: one to two beats long, once there were two. */
  before(pod: LivePod): TrafficInterval {
    const to = readTraffic(this.#kernel, pod);
    return { from: this.#beats.get(pod)?.beforeLast ?? to, to };
  }
}
