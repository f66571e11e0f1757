import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { maxTraces } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { NewTrace, Trace, TraceSummary } from '../../contract/trace.ts';
import type { KernelRules } from '../acl/load/kernel-rules.ts';
import { setSafeInterval, setSafeTimeout } from '../async/safe-timers.ts';
import type { PacketTraceFilter, TraceEvent } from '../bpf/packet-events.ts';
import type { TraceFormatContext } from './format-packet-trace.ts';
import { readKernelClock } from './kernel-clock.ts';
import type { KernelDropObserver } from './kernel-drop-observer.ts';
import type { PacketObservation } from './packet-correlator.ts';
import { type DecodedPacketHeaders, decodePacketHeaders } from './packet-headers.ts';
import {
  listPodAddresses,
  type PodChangeSource,
  type PodNameResolver,
  toPodReference,
} from './pod-name-resolver.ts';
import { createTraceSummary, RunningTrace, type TraceUpdate } from './running-trace.ts';
import { buildKernelTraceFilters, createTraceMatcher, selectTracedAddresses } from './trace-filter.ts';
import type { RuleNameResolver } from './verdict-recorder.ts';

/** Interval in ms at which running traces process observations. */
const advanceMs = 50;
/** Time in ms after which a trace without watchers ends, long enough for reloading a page. */
const abandonedMs = 3000;
/** Maximum number of traced addresses of all running traces. */
const maxFilters = 4;
/** Maximum number of ended traces that are kept. */
const keptTraces = 16;

type Kernel = Pick<KernelRules, 'setTraceFilters' | 'onTraceEvents' | 'lostTraces' | 'generation'>;

export interface TracesOptions {
  kernel: Kernel;
  pods: PodChangeSource;
  names: PodNameResolver;
  rules: RuleNameResolver;
  /** Observer of packets that the kernel drops. */
  kernelDrops: KernelDropObserver;
  log: Logger;
}

interface Run {
  trace: RunningTrace;
  /** Number of the trace in the BPF programs, from 1. */
  number: number;
  filters: PacketTraceFilter[];
  matches: (headers: DecodedPacketHeaders) => boolean;
  abandoned: NodeJS.Timeout | null;
}

const egressHooks = new Set(['netkit/peer', 'tcx/ingress', 'tc/ingress']);

/** Traces the packets of a pod through the hooks of all pods. */
export class PacketTraces {
  readonly #options: TracesOptions;
  readonly #running = new Map<string, Run>();
  readonly #ended: RunningTrace[] = [];
  readonly #stopListening: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lost = 0n;
  #lostKernel = 0n;

  /** Removes trace filters that a killed agent left in the kernel. */
  constructor(options: TracesOptions) {
    this.#options = options;
    options.kernel.setTraceFilters([]);
    this.#stopListening = options.kernel.onTraceEvents((events) => {
      for (const event of events) this.#onTraceEvent(event);
    });
  }

  /** Starts a packet trace. @throws ProblemError `pod_not_found`, `too_many`, `unprocessable`, `kernel_refused` */
  async start(wanted: NewTrace, actor: string): Promise<Trace> {
    const { kernel, pods, kernelDrops } = this.#options;
    const pod = pods
      .summaries()
      .find(({ id, namespace, name }) => [id, `${namespace}.${name}`].includes(wanted.pod));
    if (!pod)
      throw new ProblemError('pod_not_found', `there is no pod ${JSON.stringify(wanted.pod)} on this node`, {
        hint: 'GET /api/v1/pods lists the pods; use an id or namespace.name.',
      });
    const own = listPodAddresses(pod);
    if (selectTracedAddresses(wanted, own).length === 0)
      throw new ProblemError('unprocessable', `${pod.namespace}/${pod.name} has no address of that family`);
    const number = this.#freeNumber();
    const filters = buildKernelTraceFilters(number, wanted, own);
    const all = this.#filters();
    if (all.length + filters.length > maxFilters)
      throw new ProblemError(
        'too_many',
        `running traces use ${all.length} of ${maxFilters} addresses already`,
        { hint: 'Restrict the trace to an address or family, or stop another trace.' },
      );
    const trace = new RunningTrace(
      createTraceSummary(wanted, { id: randomUUID(), pod: toPodReference(pod), actor }),
    );
    const run: Run = { trace, number, filters, matches: createTraceMatcher(wanted, own), abandoned: null };
    // Reserves the number and the filters: another trace may start while this one waits.
    this.#running.set(trace.id, run);
    this.#timer ??= setSafeInterval(() => this.#advance(), advanceMs);
    const onDrop = (observation: PacketObservation): void => this.#onKernelDrop(number, observation);
    trace.summary.kernelDrops = await kernelDrops.begin(
      number,
      wanted,
      selectTracedAddresses(wanted, own),
      onDrop,
    );
    if (!trace.running)
      kernelDrops.end(number); // the agent is stopping
    else
      try {
        kernel.setTraceFilters(this.#filters());
      } catch (error) {
        this.#end(run, 'stopped');
        throw error;
      }
    return trace.trace();
  }

  list(): TraceSummary[] {
    const running = [...this.#running.values()].map(({ trace }) => trace);
    return [...running, ...this.#ended]
      .map(({ summary }) => summary)
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  }

  get(id: string): Trace {
    return this.#find(id).trace();
  }

  async stop(id: string): Promise<Trace> {
    const trace = this.#find(id);
    this.#end(this.#running.get(id), 'stopped');
    return trace.trace();
  }

  watch(id: string, listener: (news: TraceUpdate) => void): () => void {
    const trace = this.#find(id);
    const stop = trace.watch(listener);
    const run = this.#running.get(id);
    if (run?.abandoned) clearTimeout(run.abandoned);
    return () => {
      stop();
      if (!run || trace.watched || !trace.running) return;
      run.abandoned = setSafeTimeout(() => {
        if (!trace.watched) this.#end(run, 'abandoned');
      }, abandonedMs);
    };
  }

  /** Stops all traces and removes their filters from the kernel. */
  close(): void {
    for (const run of this.#running.values()) this.#end(run, 'stopped');
    this.#stopListening();
    this.#options.kernelDrops.close();
  }

  #find(id: string): RunningTrace {
    const trace = this.#running.get(id)?.trace ?? this.#ended.find((one) => one.id === id);
    if (trace) return trace;
    throw new ProblemError('trace_not_found', `there is no trace ${id}`, {
      hint: `The last ${keptTraces} ended traces stay available until the agent stops.`,
    });
  }

  #filters(): PacketTraceFilter[] {
    return [...this.#running.values()].flatMap(({ filters }) => filters);
  }

  #freeNumber(): number {
    const used = new Set([...this.#running.values()].map(({ number }) => number));
    for (let number = 1; number <= maxTraces; number += 1) if (!used.has(number)) return number;
    throw new ProblemError('too_many', `${maxTraces} traces are running already`, {
      hint: 'Stop a trace, or wait: each ends at its limit.',
    });
  }

  #onTraceEvent(event: TraceEvent): void {
    const headers = decodePacketHeaders(event.headers);
    if (!headers) return;
    const observation: PacketObservation = {
      timeNs: event.timeNs,
      slot: event.slot,
      owner: event.owner,
      hook: event.hook,
      where: egressHooks.has(event.hook) ? 'from-pod' : 'to-pod',
      verdict: event.verdict === 'next' ? 'passed' : event.verdict,
      reason: event.reason,
      rule: event.rule,
      target: event.target,
      headers,
    };
    // The programs report the first matching filter; another trace may match the packet too.
    for (const { trace, matches } of this.#running.values())
      if (matches(headers)) trace.addObservation(observation);
  }

  #onKernelDrop(number: number, observation: PacketObservation): void {
    const run = [...this.#running.values()].find((run) => run.number === number);
    if (run?.matches(observation.headers)) run.trace.addObservation(observation);
  }

  #advance(): void {
    this.#countLost();
    const context = this.#formatContext();
    for (const run of this.#running.values()) {
      const why = run.trace.advance(context);
      if (why !== null) this.#end(run, why);
    }
  }

  /** Adds the number of lost events to all running traces, because they share the ring buffers. */
  #countLost(): void {
    const [lost, lostKernel] = [this.#options.kernel.lostTraces(), this.#options.kernelDrops.lost()];
    const news = lost - this.#lost + (lostKernel - this.#lostKernel);
    this.#lost = lost;
    this.#lostKernel = lostKernel;
    if (news > 0n) for (const { trace } of this.#running.values()) trace.addLost(Number(news));
  }

  #end(run: Run | undefined, why: NonNullable<TraceSummary['ended']>): void {
    if (!run || !this.#running.delete(run.trace.id)) return;
    if (run.abandoned) clearTimeout(run.abandoned);
    this.#options.kernelDrops.end(run.number);
    try {
      this.#options.kernel.setTraceFilters(this.#filters());
    } catch (err) {
      this.#options.log.error({ err }, 'the filters of a trace could not be removed');
    }
    run.trace.end(why, this.#formatContext());
    this.#ended.unshift(run.trace);
    this.#ended.splice(keptTraces);
    if (this.#running.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #formatContext(): TraceFormatContext {
    const { names, rules, kernel, kernelDrops } = this.#options;
    const generation = kernel.generation('active');
    return {
      clock: readKernelClock(),
      names,
      kernelReason: (reason) => kernelDrops.reasonName(reason),
      ruleName: (rule) => (generation === null ? null : rules.ruleName('active', generation, rule)),
    };
  }
}
