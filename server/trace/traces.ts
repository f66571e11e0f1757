import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { maxTraces } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { NewTrace, Trace, TraceSummary } from '../../contract/trace.ts';
import type { KernelRules, TraceEvent, TraceFilter } from '../acl/load/kernel-rules.ts';
import type { Observation } from './correlator.ts';
import { readKernelClock } from './kernel-clock.ts';
import type { KernelDropObserver } from './kernel-drop-observer.ts';
import { type DecodedHeaders, decodeHeaders } from './packet-headers.ts';
import type { FormatContext } from './packet-trace.ts';
import { type PodNames, type PodSource, podAddresses, podReferenceOf } from './pod-names.ts';
import { newTraceSummary, RunningTrace, type TraceUpdate } from './running-trace.ts';
import { kernelFilters, tracedAddresses, traceMatcher } from './trace-filter.ts';
import type { RuleNames } from './verdicts.ts';

/** How often traces take in what was seen, in ms. */
const advanceMs = 50;
/** How long a trace that was watched goes on with nobody watching: a page that is loaded again, in ms. */
const abandonedMs = 3000;
/** Addresses that the programs follow at the same time, of all traces together. */
const maxFilters = 4;
/** Ended traces that are kept. */
const keptTraces = 16;

type Kernel = Pick<KernelRules, 'setTraceFilters' | 'onTraceEvents' | 'lostTraces' | 'generation'>;

export interface TracesOptions {
  kernel: Kernel;
  pods: PodSource;
  names: PodNames;
  rules: RuleNames;
  /** What the kernel itself drops. */
  kernelDrops: KernelDropObserver;
  log: Logger;
}

interface Run {
  trace: RunningTrace;
  /** Its number towards the kernel, from 1. */
  number: number;
  filters: TraceFilter[];
  matches: (headers: DecodedHeaders) => boolean;
  abandoned: NodeJS.Timeout | null;
}

const towardsHost = new Set(['netkit/peer', 'tcx/ingress', 'tc/ingress']);

/** Traces of pods' packets through the hooks of all pods. */
export class Traces {
  readonly #options: TracesOptions;
  readonly #running = new Map<string, Run>();
  readonly #ended: RunningTrace[] = [];
  readonly #stopListening: () => void;
  #timer: NodeJS.Timeout | null = null;
  #lost = 0n;
  #lostKernel = 0n;

  /** An agent that was killed left its filters behind: they are taken back. */
  constructor(options: TracesOptions) {
    this.#options = options;
    options.kernel.setTraceFilters([]);
    this.#stopListening = options.kernel.onTraceEvents((events) => {
      for (const event of events) this.#seen(event);
    });
  }

  /** @throws ProblemError `pod_not_found`, `too_many`, `unprocessable`, `kernel_refused` */
  async start(wanted: NewTrace, actor: string): Promise<Trace> {
    const { kernel, pods, kernelDrops: sightings } = this.#options;
    const pod = pods
      .summaries()
      .find(({ id, namespace, name }) => [id, `${namespace}.${name}`].includes(wanted.pod));
    if (!pod)
      throw new ProblemError('pod_not_found', `no pod of this node is called ${JSON.stringify(wanted.pod)}`, {
        hint: 'GET /api/v1/pods lists them; use an id or namespace.name.',
      });
    const own = podAddresses(pod);
    if (tracedAddresses(wanted, own).length === 0)
      throw new ProblemError('unprocessable', `${pod.namespace}/${pod.name} has no address of that family`);
    const number = this.#freeNumber();
    const filters = kernelFilters(number, wanted, own);
    const all = this.#filters();
    if (all.length + filters.length > maxFilters)
      throw new ProblemError(
        'too_many',
        `traces that run follow ${all.length} of ${maxFilters} addresses already`,
        { hint: 'say which address or family the trace is to follow, or end another one' },
      );
    const trace = new RunningTrace(
      newTraceSummary(wanted, { id: randomUUID(), pod: podReferenceOf(pod), actor }),
    );
    const run: Run = { trace, number, filters, matches: traceMatcher(wanted, own), abandoned: null };
    // Its number and its filters are taken from here on: another one may start while this one waits.
    this.#running.set(trace.id, run);
    this.#timer ??= setInterval(() => this.#advance(), advanceMs);
    const take = (seen: Observation): void => this.#dropped(number, seen);
    trace.summary.kernelDrops = await sightings.begin(number, wanted, tracedAddresses(wanted, own), take);
    if (!trace.running)
      sightings.end(number); // the agent is stopping
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
    return this.#must(id).trace();
  }

  async stop(id: string): Promise<Trace> {
    const trace = this.#must(id);
    this.#end(this.#running.get(id), 'stopped');
    return trace.trace();
  }

  watch(id: string, listener: (news: TraceUpdate) => void): () => void {
    const trace = this.#must(id);
    const stop = trace.watch(listener);
    const run = this.#running.get(id);
    if (run?.abandoned) clearTimeout(run.abandoned);
    return () => {
      stop();
      if (!run || trace.watched || !trace.running) return;
      run.abandoned = setTimeout(() => {
        if (!trace.watched) this.#end(run, 'abandoned');
      }, abandonedMs);
    };
  }

  /** All end; the programs tell nothing any more. */
  close(): void {
    for (const run of this.#running.values()) this.#end(run, 'stopped');
    this.#stopListening();
    this.#options.kernelDrops.close();
  }

  #must(id: string): RunningTrace {
    const trace = this.#running.get(id)?.trace ?? this.#ended.find((one) => one.id === id);
    if (trace) return trace;
    throw new ProblemError('trace_not_found', `there is no trace ${id}`, {
      hint: `the last ${keptTraces} that ended are kept until the agent ends`,
    });
  }

  #filters(): TraceFilter[] {
    return [...this.#running.values()].flatMap(({ filters }) => filters);
  }

  #freeNumber(): number {
    const used = new Set([...this.#running.values()].map(({ number }) => number));
    for (let number = 1; number <= maxTraces; number += 1) if (!used.has(number)) return number;
    throw new ProblemError('too_many', `${maxTraces} traces run already`, {
      hint: 'end one of them, or wait: each ends by itself at its limit',
    });
  }

  #seen(event: TraceEvent): void {
    const headers = decodeHeaders(event.headers);
    if (!headers) return;
    const sighting: Observation = {
      timeNs: event.timeNs,
      slot: event.slot,
      owner: event.owner,
      hook: event.hook,
      where: towardsHost.has(event.hook) ? 'from-pod' : 'to-pod',
      verdict: event.verdict === 'next' ? 'passed' : event.verdict,
      reason: event.reason,
      rule: event.rule,
      target: event.target,
      headers,
    };
    // The programs name the first filter that is met; another trace may want the packet as well.
    for (const { trace, matches } of this.#running.values())
      if (matches(headers)) trace.addObservation(sighting);
  }

  #dropped(number: number, sighting: Observation): void {
    const run = [...this.#running.values()].find((run) => run.number === number);
    if (run?.matches(sighting.headers)) run.trace.addObservation(sighting);
  }

  #advance(): void {
    this.#countLost();
    const teller = this.#teller();
    for (const run of this.#running.values()) {
      const why = run.trace.advance(teller);
      if (why !== null) this.#end(run, why);
    }
  }

  /** The buffers are of all traces: what they lose may be of any. */
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
      this.#options.log.error({ err }, 'the filters of a trace could not be taken back');
    }
    run.trace.end(why, this.#teller());
    this.#ended.unshift(run.trace);
    this.#ended.splice(keptTraces);
    if (this.#running.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #teller(): FormatContext {
    const { names, rules, kernel, kernelDrops: sightings } = this.#options;
    const generation = kernel.generation('active');
    return {
      clock: readKernelClock(),
      names,
      kernelReason: (reason) => sightings.reasonName(reason),
      ruleName: (rule) => (generation === null ? null : rules.ruleName('active', generation, rule)),
    };
  }
}
