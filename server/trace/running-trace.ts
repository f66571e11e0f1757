import type { NewTrace, Trace, TracePacket, TraceSummary } from '../../contract/trace.ts';
import { traceQuietPeriodMs } from '../../contract/trace.ts';
import {
  formatPacketTrace,
  observationDecidesOutcome,
  type TraceFormatContext,
} from './format-packet-trace.ts';
import { PacketCorrelator, type PacketObservation, type TracedPacket } from './packet-correlator.ts';
import { buildTraceGraph } from './trace-graph.ts';

/**
 * Time in ns for which observations are held back for sorting, because observations of one packet arrive through two
 * buffers.
 */
const sortNs = 30_000_000n;
/** Time in ns after a trace reached its limit during which its packets may still be observed. */
const lingerNs = BigInt(traceQuietPeriodMs + 100) * 1_000_000n;

export type TraceUpdate = { trace: TraceSummary; items: TracePacket[] };

/** A running or ended packet trace, with its packets. */
export class RunningTrace {
  readonly #summary: TraceSummary;
  readonly #correlator: PacketCorrelator;
  readonly #packets = new Map<number, TracePacket>();
  readonly #listeners = new Set<(update: TraceUpdate) => void>();
  readonly #untilNs: bigint;
  #waiting: PacketObservation[] = [];
  /** Limit that the trace has reached, and the time at which it did; null while new packets are traced. */
  #closing: { why: 'packets' | 'seconds'; sinceNs: bigint } | null = null;

  /** Creates a trace. @param summary summary of the trace without packets */
  constructor(summary: TraceSummary) {
    this.#summary = summary;
    this.#correlator = new PacketCorrelator(summary.packets, traceQuietPeriodMs);
    this.#untilNs = process.hrtime.bigint() + BigInt(Math.round(summary.seconds * 1e9));
  }

  get id(): string {
    return this.#summary.id;
  }

  get summary(): TraceSummary {
    return this.#summary;
  }

  get running(): boolean {
    return this.#summary.state === 'running';
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  trace(): Trace {
    return { ...this.#summary, items: [...this.#packets.values()].sort((a, b) => a.number - b.number) };
  }

  addObservation(observation: PacketObservation): void {
    this.#waiting.push(observation);
  }

  /** Counts events that were lost before the trace reached its limit. */
  addLost(events: number): void {
    if (this.#closing === null) this.#summary.lost += events;
  }

  /**
   * Processes the observations that are old enough to be sorted.
   * @returns the limit that ended the trace; null while it runs
   */
  advance(context: TraceFormatContext, nowNs = process.hrtime.bigint()): 'packets' | 'seconds' | null {
    const changed = this.#correlate(nowNs - sortNs);
    for (const packet of this.#correlator.settle(nowNs - sortNs)) changed.add(packet);
    this.#publish(changed, context);
    if (this.#closing === null) {
      const why = this.#correlator.full ? 'packets' : nowNs >= this.#untilNs ? 'seconds' : null;
      if (why === null) return null;
      this.#correlator.acceptNoMore();
      this.#closing = { why, sinceNs: nowNs };
    }
    const lingered = nowNs - this.#closing.sinceNs > lingerNs;
    return this.#correlator.done || lingered ? this.#closing.why : null;
  }

  /** Ends the trace. Packets without an outcome get the outcome of their last observation. */
  end(why: NonNullable<TraceSummary['ended']>, context: TraceFormatContext): void {
    const changed = this.#correlate(2n ** 63n);
    for (const packet of this.#correlator.settle(2n ** 63n)) changed.add(packet);
    Object.assign(this.#summary, { state: 'ended', ended: why, endedAt: new Date().toISOString() });
    this.#publish(changed, context, true);
  }

  /** Calls `listener` with all packets of the trace and then with updates, until the returned function is called. */
  watch(listener: (update: TraceUpdate) => void): () => void {
    const { items, ...trace } = this.trace();
    listener({ trace, items });
    // A new function, so that the same listener can be added twice.
    const own = (update: TraceUpdate): void => listener(update);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Correlates the observations up to `untilNs` in order of time. @returns packets whose outcome became known */
  #correlate(untilNs: bigint): Set<TracedPacket> {
    const changed = new Set<TracedPacket>();
    const ready = this.#waiting.filter(({ timeNs }) => timeNs <= untilNs);
    if (ready.length === 0) return changed;
    this.#waiting = this.#waiting.filter(({ timeNs }) => timeNs > untilNs);
    ready.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    for (const observation of ready) {
      const packet = this.#correlator.add(observation);
      if (packet && observationDecidesOutcome(observation)) changed.add(packet);
    }
    return changed;
  }

  #publish(changed: ReadonlySet<TracedPacket>, context: TraceFormatContext, always = false): void {
    if (changed.size === 0 && !always) return;
    const items = [...changed]
      .sort((a, b) => a.number - b.number)
      .map((one) => formatPacketTrace(one, context));
    for (const item of items) this.#packets.set(item.number, item);
    this.#summary.seen = this.#packets.size;
    this.#summary.path = buildTraceGraph(this.#packets.values());
    for (const listener of this.#listeners) listener({ trace: this.#summary, items });
  }
}

/** Creates the summary of a trace that starts now. */
export const createTraceSummary = (
  wanted: NewTrace,
  more: Pick<TraceSummary, 'id' | 'pod' | 'actor'>,
): TraceSummary => {
  const { address, port, protocol, family, packets, seconds } = wanted;
  const filter = Object.fromEntries(
    Object.entries({ address, port, protocol, family }).filter(([, value]) => value !== undefined),
  );
  return {
    id: more.id,
    pod: more.pod,
    filter,
    packets,
    seconds,
    actor: more.actor,
    state: 'running',
    ended: null,
    startedAt: new Date().toISOString(),
    endedAt: null,
    seen: 0,
    path: { nodes: [], edges: [] },
    lost: 0,
    kernelDrops: { available: false, detail: 'being set up', hint: null },
  };
};
