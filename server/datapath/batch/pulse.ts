import type { Ground } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import { type Reading, readTraffic, type Span } from './health.ts';

/** Remembers the traffic of pods that wait for their migration, beat by beat. */
export class Pulse {
  readonly #ground: Ground;
  readonly #beats = new Map<LivePod, { last: Reading; beforeLast: Reading }>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Reads these pods now and forgets all others. */
  beat(pods: readonly LivePod[]): void {
    const known = new Map(this.#beats);
    this.#beats.clear();
    for (const pod of pods) {
      const last = readTraffic(this.#ground, pod);
      this.#beats.set(pod, { last, beforeLast: known.get(pod)?.last ?? last });
    }
  }

  /** From the beat before the last to now: one to two beats long, once there were two. */
  before(pod: LivePod): Span {
    const to = readTraffic(this.#ground, pod);
    return { from: this.#beats.get(pod)?.beforeLast ?? to, to };
  }
}
