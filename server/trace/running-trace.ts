import type { NewTrace, Trace, TracePacket, TraceSummary } from '../../contract/trace.ts';
import { traceQuietMs } from '../../contract/trace.ts';
import { Correlator, type Observation, type TracedPacket } from './correlator.ts';
import { type FormatContext, formatPacketTrace, hasOutcome } from './packet-trace.ts';
import { tracePath } from './trace-path.ts';

/** How long a sighting waits for those that were earlier and come later: two buffers tell of one packet. */
const sortNs = 30_000_000n;
/** How long after a trace's end its packets may still come to where they go. */
const lingerNs = BigInt(traceQuietMs + 100) * 1_000_000n;

export type TraceUpdate = { trace: TraceSummary; items: TracePacket[] };

/** A trace that runs, or has ended: what was seen, as packets. */
export class RunningTrace {
  readonly #summary: TraceSummary;
  readonly #correlator: Correlator;
  readonly #packets = new Map<number, TracePacket>();
  readonly #listeners = new Set<(news: TraceUpdate) => void>();
  readonly #untilNs: bigint;
  #waiting: Observation[] = [];
  /** Why it begins no more packets, and since when. */
  #closing: { why: 'packets' | 'seconds'; sinceNs: bigint } | null = null;

  /** @param summary of a trace that has seen nothing */
  constructor(summary: TraceSummary) {
    this.#summary = summary;
    this.#correlator = new Correlator(summary.packets, traceQuietMs);
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

  addObservation(sighting: Observation): void {
    this.#waiting.push(sighting);
  }

  /** Events that nobody could read; those behind its last packet are none of its own. */
  addLost(events: number): void {
    if (this.#closing === null) this.#summary.lost += events;
  }

  /** Takes in what was seen up to a moment ago. @returns why the trace is over, null while it is not */
  advance(teller: FormatContext, nowNs = process.hrtime.bigint()): 'packets' | 'seconds' | null {
    const changed = this.#takeIn(nowNs - sortNs);
    for (const packet of this.#correlator.settle(nowNs - sortNs)) changed.add(packet);
    this.#tell(changed, teller);
    if (this.#closing === null) {
      const why = this.#correlator.full ? 'packets' : nowNs >= this.#untilNs ? 'seconds' : null;
      if (why === null) return null;
      this.#correlator.acceptNoMore();
      this.#closing = { why, sinceNs: nowNs };
    }
    const lingered = nowNs - this.#closing.sinceNs > lingerNs;
    return this.#correlator.done || lingered ? this.#closing.why : null;
  }

  /** Nothing more is taken in; packets that are under way are told as they were last seen. */
  end(why: NonNullable<TraceSummary['ended']>, teller: FormatContext): void {
    const changed = this.#takeIn(2n ** 63n);
    for (const packet of this.#correlator.settle(2n ** 63n)) changed.add(packet);
    Object.assign(this.#summary, { state: 'ended', ended: why, endedAt: new Date().toISOString() });
    this.#tell(changed, teller, true);
  }

  /** Tells all there is at once, and what comes; the answer ends it. */
  watch(listener: (news: TraceUpdate) => void): () => void {
    const { items, ...trace } = this.trace();
    listener({ trace, items });
    // Its own, so that one who listens twice is two.
    const own = (news: TraceUpdate): void => listener(news);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Those up to `untilNs`, in order. @returns packets of which it is known by now where they went */
  #takeIn(untilNs: bigint): Set<TracedPacket> {
    const changed = new Set<TracedPacket>();
    const ready = this.#waiting.filter(({ timeNs }) => timeNs <= untilNs);
    if (ready.length === 0) return changed;
    this.#waiting = this.#waiting.filter(({ timeNs }) => timeNs > untilNs);
    ready.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    for (const sighting of ready) {
      const packet = this.#correlator.add(sighting);
      if (packet && hasOutcome(sighting)) changed.add(packet);
    }
    return changed;
  }

  #tell(changed: ReadonlySet<TracedPacket>, teller: FormatContext, always = false): void {
    if (changed.size === 0 && !always) return;
    const items = [...changed]
      .sort((a, b) => a.number - b.number)
      .map((one) => formatPacketTrace(one, teller));
    for (const item of items) this.#packets.set(item.number, item);
    this.#summary.seen = this.#packets.size;
    this.#summary.path = tracePath(this.#packets.values());
    for (const listener of this.#listeners) listener({ trace: this.#summary, items });
  }
}

/** As a trace begins. */
export const newTraceSummary = (
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
    kernelDrops: { available: false, detail: 'the kernel is being asked', hint: null },
  };
};
