import { EventEmitter } from 'node:events';
import type { NodeSample } from '../../contract/node.ts';
import { sweptWidth } from '../bpf/counter-layout.ts';
import type { CounterMap } from '../bpf/counters.ts';
import type { SampledPod } from '../datapath/datapath.ts';
import { encodeFrame, type FrameClock } from '../stream/sample-frame.ts';
import { NodeMeter } from './node-meter.ts';
import { gridHz, isDue, Schedule } from './schedule.ts';
import { sweepReader, slotReader } from './slot-reader.ts';

/** What is sampled. Asked anew on every tick, and answered from memory. */
export interface SampledPods {
  all(): readonly SampledPod[];
  /** By id; undefined for a pod that is gone. */
  get(id: string): SampledPod | undefined;
}

export interface SampleEvents {
  /** All pods, once a second (`contract/sample-frame.ts`); one buffer for all listeners. */
  frame: [Uint8Array];
  node: [NodeSample];
}

type Counters = Pick<CounterMap, 'slots' | 'sweep' | 'read'>;

interface Watch {
  pod: string;
  hz: number;
  listener: (frame: Uint8Array) => void;
}

/** Reads the counters of all pods once a second, and of pods that somebody watches up to ten times. */
export class Sampler extends EventEmitter<SampleEvents> {
  /** The last of each; null before the first. */
  frame: Uint8Array | null = null;
  /** The one before. */
  previous: Uint8Array | null = null;
  node: NodeSample | null = null;
  readonly #pods: SampledPods;
  readonly #counters: Counters;
  /** Of `sweepReader`, made once. */
  readonly #room: BigUint64Array;
  readonly #programIds: () => readonly number[];
  readonly #meter = new NodeMeter();
  readonly #watches = new Set<Watch>();
  readonly #schedule = new Schedule(
    (index) => isDue(index, 1) || [...this.#watches].some((watch) => isDue(index, watch.hz)),
    (index) => this.#tick(index),
  );
  #sequence = 0n;

  /** `programIds`: of those whose run time and count go into the node's sample. */
  constructor(pods: SampledPods, counters: Counters, programIds: () => readonly number[]) {
    super();
    this.#pods = pods;
    this.#counters = counters;
    this.#room = new BigUint64Array(counters.slots * sweptWidth);
    this.#programIds = programIds;
  }

  /** Samples at once, then by the clock. */
  start(): void {
    this.#sampleAll();
    this.#schedule.start();
  }

  stop(): void {
    this.#schedule.stop();
  }

  /** Frames of one pod at `hz` (1 to 10), until the returned function is called; none while it is gone. */
  watch(pod: string, hz: number, listener: (frame: Uint8Array) => void): () => void {
    if (!(hz >= 1 && hz <= gridHz)) throw new RangeError(`watch at ${hz} Hz: 1 to ${gridHz}`);
    const watch = { pod, hz, listener };
    this.#watches.add(watch);
    this.#schedule.refresh();
    return () => {
      this.#watches.delete(watch);
      this.#schedule.refresh();
    };
  }

  #tick(index: number): void {
    if (isDue(index, 1)) this.#sampleAll();
    const frames = new Map<string, Uint8Array | null>();
    for (const { pod, hz, listener } of this.#watches) {
      if (!isDue(index, hz)) continue;
      const frame = frames.get(pod) ?? this.#sampleOne(pod);
      frames.set(pod, frame);
      if (frame) listener(frame);
    }
  }

  #sampleAll(): void {
    const clock = this.#clock();
    const pods = this.#pods.all();
    const end = pods.reduce((end, pod) => Math.max(end, ...pod.slots.map((slot) => slot + 1)), 0);
    const reading = sweepReader(this.#counters, end, this.#room);
    const readMs = Number(process.hrtime.bigint() - clock.monotonicNs) / 1e6;
    this.previous = this.frame;
    this.frame = encodeFrame('all', pods, reading, clock);
    this.node = this.#meter.read(Number(clock.sequence), readMs, this.#programIds());
    this.emit('frame', this.frame);
    this.emit('node', this.node);
  }

  #sampleOne(id: string): Uint8Array | null {
    const pod = this.#pods.get(id);
    return pod ? encodeFrame('watched', [pod], slotReader(this.#counters), this.#clock()) : null;
  }

  #clock(): FrameClock {
    this.#sequence += 1n;
    return {
      sequence: this.#sequence,
      realtimeNs: BigInt(Date.now()) * 1_000_000n,
      monotonicNs: process.hrtime.bigint(),
    };
  }
}
