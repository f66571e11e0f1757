import { EventEmitter } from 'node:events';
import type { NodeSample } from '../../contract/node.ts';
import { sweptCounterCount } from '../bpf/counter-layout.ts';
import type { CounterMap } from '../bpf/counter-map.ts';
import type { SampledPod } from '../datapath/sampled-pod.ts';
import { NodeMeter } from './node-meter.ts';
import { type CounterSample, readPodSamples } from './sample.ts';
import { isSampleDue, SampleSchedule, sampleGridHz } from './sample-schedule.ts';
import { createSlotCounterReader, createSweepCounterReader } from './slot-counter-reader.ts';

/** Source of the pods to sample. It is called on every tick and must not make system calls. */
export interface SampledPodSource {
  all(): readonly SampledPod[];
  /** Returns a pod by id; undefined if it was removed. */
  get(id: string): SampledPod | undefined;
}

export interface SampleEvents {
  /** Emitted once a second with the counters of all pods. */
  sample: [CounterSample];
  /** Emitted with the node's CPU and memory use, together with each sample of all pods. */
  node: [NodeSample];
}

type Counters = Pick<CounterMap, 'slots' | 'sweep' | 'read'>;

interface Watch {
  pod: string;
  hz: number;
  listener: (sample: CounterSample) => void;
}

/** Samples the counters of all pods once a second, and those of watched pods up to ten times a second. */
export class CounterSampler extends EventEmitter<SampleEvents> {
  /** Latest sample of all pods; null until there is one. */
  latest: CounterSample | null = null;
  /** Sample of all pods that preceded `latest`; null until there are two samples. */
  previous: CounterSample | null = null;
  /** Latest sample of the node's CPU and memory use; null until there is one. */
  node: NodeSample | null = null;
  readonly #pods: SampledPodSource;
  readonly #counters: Counters;
  /** Reusable buffer into which `createSweepCounterReader` reads the counters of all slots. */
  readonly #buffer: BigUint64Array;
  readonly #programIds: () => readonly number[];
  readonly #meter = new NodeMeter();
  readonly #watches = new Set<Watch>();
  readonly #schedule = new SampleSchedule(
    (index) => isSampleDue(index, 1) || [...this.#watches].some((watch) => isSampleDue(index, watch.hz)),
    (index) => this.#tick(index),
  );
  #sequence = 0n;

  /**
   * Creates a sampler.
   * @param programIds returns the ids of the programs whose run count and run time the node's sample contains
   */
  constructor(pods: SampledPodSource, counters: Counters, programIds: () => readonly number[]) {
    super();
    this.#pods = pods;
    this.#counters = counters;
    this.#buffer = new BigUint64Array(counters.slots * sweptCounterCount);
    this.#programIds = programIds;
  }

  /** Takes a sample immediately and starts the periodic sampling. */
  start(): void {
    this.#sampleAll();
    this.#schedule.start();
  }

  stop(): void {
    this.#schedule.stop();
  }

  /** Samples one pod `hz` times a second (1 to 10) until the returned function is called. A removed pod is skipped. */
  watch(pod: string, hz: number, listener: (sample: CounterSample) => void): () => void {
    if (!(hz >= 1 && hz <= sampleGridHz)) throw new RangeError(`watch at ${hz} Hz: 1 to ${sampleGridHz}`);
    const watch = { pod, hz, listener };
    this.#watches.add(watch);
    this.#schedule.refresh();
    return () => {
      this.#watches.delete(watch);
      this.#schedule.refresh();
    };
  }

  #tick(index: number): void {
    if (isSampleDue(index, 1)) this.#sampleAll();
    const samples = new Map<string, CounterSample | null>();
    for (const { pod, hz, listener } of this.#watches) {
      if (!isSampleDue(index, hz)) continue;
      const sample = samples.get(pod) ?? this.#sampleOne(pod);
      samples.set(pod, sample);
      if (sample) listener(sample);
    }
  }

  #sampleAll(): void {
    const clock = this.#clock();
    const pods = this.#pods.all();
    let end = 0;
    for (const { slots } of pods) for (const slot of slots) end = Math.max(end, slot + 1);
    const read = createSweepCounterReader(this.#counters, end, this.#buffer);
    const readMs = Number(process.hrtime.bigint() - clock.monotonicNs) / 1e6;
    this.previous = this.latest;
    this.latest = { scope: 'all', ...clock, pods: readPodSamples(pods, read) };
    this.node = this.#meter.read(Number(clock.sequence), readMs, this.#programIds());
    this.emit('sample', this.latest);
    this.emit('node', this.node);
  }

  #sampleOne(id: string): CounterSample | null {
    const pod = this.#pods.get(id);
    if (pod === undefined) return null;
    return {
      scope: 'watched',
      ...this.#clock(),
      pods: readPodSamples([pod], createSlotCounterReader(this.#counters)),
    };
  }

  #clock(): Pick<CounterSample, 'sequence' | 'realtimeNs' | 'monotonicNs'> {
    this.#sequence += 1n;
    return {
      sequence: this.#sequence,
      realtimeNs: BigInt(Date.now()) * 1_000_000n,
      monotonicNs: process.hrtime.bigint(),
    };
  }
}
