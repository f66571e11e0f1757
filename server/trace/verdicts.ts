import type {
  Verdict,
  VerdictFilter,
  VerdictKind,
  VerdictList,
  VerdictListQuery,
  VerdictLosses,
} from '../../contract/verdict.ts';
import type { RuleKernel, RuleSetName, VerdictEvent } from '../acl/load/kernel-rules.ts';
import { type Clock, readClock } from './clock.ts';
import { describeHeaders, protocolName } from './headers.ts';
import { type PodNames, referenceTo } from './names.ts';
import { type Gathered, VerdictLog } from './verdict-log.ts';

/** Verdicts that are kept: about 10 MB. */
const capacity = 10_000;
/** How old a count of what was lost may be, in ms. */
const lossesMs = 250;

/** Names of rules, as far back as they are known. */
export interface RuleNames {
  /** Of a rule's number in what the generation judged by; null: not known any more. */
  ruleName(set: RuleSetName, generation: number, rule: number): string | null;
}

const kinds: Record<VerdictEvent['verdict'], VerdictKind> = {
  dropped: 'dropped',
  logged: 'logged',
  'draft-drop': 'would-drop',
  'draft-pass': 'would-pass',
};
const portless = new Set(['icmp', 'icmpv6']);

/** The verdicts that the kernel's programs tell of, with the names of pods and rules. */
export class Verdicts {
  readonly #kernel: Pick<RuleKernel, 'onVerdicts' | 'lost'>;
  readonly #names: PodNames;
  readonly #rules: RuleNames;
  readonly #log = new VerdictLog(capacity);
  readonly #counts: Record<VerdictKind, number> = {
    dropped: 0,
    logged: 0,
    'would-drop': 0,
    'would-pass': 0,
  };
  readonly #end: () => void;
  #losses: { at: number; is: VerdictLosses } | null = null;

  constructor(kernel: Pick<RuleKernel, 'onVerdicts' | 'lost'>, names: PodNames, rules: RuleNames) {
    this.#kernel = kernel;
    this.#names = names;
    this.#rules = rules;
    this.#end = kernel.onVerdicts((events) => {
      const clock = readClock();
      for (const event of events) {
        const verdict = this.#describe(event, clock);
        this.#counts[verdict.kind] += 1;
        this.#log.add(verdict);
      }
    });
  }

  page(query: VerdictListQuery): VerdictList {
    const { kept, capacity } = this.#log;
    return { ...this.#log.page(query), kept, capacity, losses: this.losses() };
  }

  matching(filter: VerdictFilter): Iterable<Verdict> {
    return this.#log.matching(filter);
  }

  watch(filter: VerdictFilter, listener: (news: Gathered & { losses: VerdictLosses }) => void): () => void {
    return this.#log.watch(filter, (gathered) => listener({ ...gathered, losses: this.losses() }));
  }

  /** By what was decided, since the agent started. */
  counts(): Record<VerdictKind, number> {
    return { ...this.#counts };
  }

  /** What the log does not show; as it was a moment ago, since counting goes through all slots. */
  losses(): VerdictLosses {
    const now = performance.now();
    if (this.#losses === null || now - this.#losses.at > lossesMs)
      this.#losses = { at: now, is: this.#count() };
    return { ...this.#losses.is, pushedOut: this.#log.pushedOut };
  }

  #count(): VerdictLosses {
    const losses: VerdictLosses = {
      rateLimited: 0,
      bufferFull: 0,
      pushedOut: 0,
      pods: [],
    };
    const pods = new Map<string, VerdictLosses['pods'][number]>();
    for (const { slot, limited, full } of this.#kernel.lost()) {
      losses.rateLimited += Number(limited);
      losses.bufferFull += Number(full);
      const summary = this.#names.ofSlot(slot);
      if (!summary) continue;
      const known = pods.get(summary.id) ?? { pod: referenceTo(summary), packets: 0 };
      pods.set(summary.id, { ...known, packets: known.packets + Number(limited + full) });
    }
    losses.pods = [...pods.values()].sort((a, b) => b.packets - a.packets);
    return losses;
  }

  close(): void {
    this.#end();
  }

  #describe(event: VerdictEvent, clock: Clock): Omit<Verdict, 'id'> {
    const { set, generation, rule, protocol, sourcePort, destinationPort, icmp, tcpFlags } = event;
    const hasPorts = !portless.has(protocolName(protocol)) && (sourcePort > 0 || destinationPort > 0);
    const headers = {
      family: event.source.includes(':') ? (6 as const) : (4 as const),
      source: event.source,
      destination: event.destination,
      protocol,
      icmp,
      sourcePort: hasPorts ? sourcePort : null,
      destinationPort: hasPorts ? destinationPort : null,
      tcp: protocolName(protocol) === 'tcp' ? { flags: tcpFlags } : null,
    };
    return {
      ...describeHeaders(headers, event.length, this.#names),
      time: clock.milliseconds(event.timeNs),
      kind: kinds[event.verdict],
      direction: event.direction,
      pod: this.#names.ofNumber(event.owner),
      reason: event.reason,
      set,
      generation,
      rule: rule === 0 ? null : this.#rules.ruleName(set, generation, rule),
    };
  }
}
