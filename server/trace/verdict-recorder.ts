import type { RuleSetName } from '../../contract/rules.ts';
import type {
  Verdict,
  VerdictFilter,
  VerdictKind,
  VerdictList,
  VerdictListQuery,
  VerdictLosses,
} from '../../contract/verdict.ts';
import type { KernelRules } from '../acl/load/kernel-rules.ts';
import type { VerdictEvent } from '../bpf/packet-events.ts';
import { type KernelClock, readKernelClock } from './kernel-clock.ts';
import {
  ethertypesByFamily,
  formatProtocolName,
  toFrameResponse,
  toPacketHeadersResponse,
} from './packet-headers.ts';
import { type PodNameResolver, toPodReference } from './pod-name-resolver.ts';
import { VerdictLog, type VerdictUpdate } from './verdict-log.ts';

/** Capacity of the verdict log in verdicts, which take about 10 MB. */
const capacity = 10_000;
/** Maximum age in ms of a cached count of lost verdicts. */
const lossesMs = 250;

/** Finds the names of rules, including rules of earlier generations. */
export interface RuleNameResolver {
  /** Returns the name of a rule by its number and generation; null if it is no longer known. */
  ruleName(set: RuleSetName, generation: number, rule: number): string | null;
}

const portless = new Set(['icmp', 'icmpv6']);

/** Returns an address of an event, in which one that could not be read is zero in either family. */
const readAddress = (address: string, family: 4 | 6 | null): string =>
  family === 4 && address.includes(':') ? '0.0.0.0' : address;

/** Records the verdicts that the BPF programs report, with the names of pods and rules. */
export class VerdictRecorder {
  readonly #kernel: Pick<KernelRules, 'onVerdicts' | 'lostVerdicts'>;
  readonly #names: PodNameResolver;
  readonly #rules: RuleNameResolver;
  readonly #log = new VerdictLog(capacity);
  readonly #counts: Record<VerdictKind, number> = {
    dropped: 0,
    logged: 0,
    'staged-deny': 0,
    'staged-allow': 0,
  };
  readonly #unsubscribe: () => void;
  #losses: { at: number; is: VerdictLosses } | null = null;

  constructor(
    kernel: Pick<KernelRules, 'onVerdicts' | 'lostVerdicts'>,
    names: PodNameResolver,
    rules: RuleNameResolver,
  ) {
    this.#kernel = kernel;
    this.#names = names;
    this.#rules = rules;
    this.#unsubscribe = kernel.onVerdicts((events) => {
      const clock = readKernelClock();
      for (const event of events) {
        const verdict = this.#describe(event, clock);
        this.#counts[verdict.kind] += 1;
        this.#log.add(verdict);
      }
    });
  }

  page(query: VerdictListQuery): VerdictList {
    const { size, capacity } = this.#log;
    return { ...this.#log.page(query), size, capacity, losses: this.losses() };
  }

  matching(filter: VerdictFilter): Iterable<Verdict> {
    return this.#log.matching(filter);
  }

  watch(
    filter: VerdictFilter,
    listener: (news: VerdictUpdate & { losses: VerdictLosses }) => void,
  ): () => void {
    return this.#log.watch(filter, (gathered) => listener({ ...gathered, losses: this.losses() }));
  }

  /** Returns the number of verdicts of each kind since the agent started. */
  counts(): Record<VerdictKind, number> {
    return { ...this.#counts };
  }

  /** Returns the number of verdicts missing from the log, up to 250 ms old because counting reads all slots. */
  losses(): VerdictLosses {
    const now = performance.now();
    if (this.#losses === null || now - this.#losses.at > lossesMs)
      this.#losses = { at: now, is: this.#count() };
    return { ...this.#losses.is, pushedOut: this.#log.evicted };
  }

  #count(): VerdictLosses {
    const losses: VerdictLosses = {
      rateLimited: 0,
      bufferFull: 0,
      pushedOut: 0,
      pods: [],
    };
    const pods = new Map<string, VerdictLosses['pods'][number]>();
    for (const { slot, rateLimited, bufferFull } of this.#kernel.lostVerdicts()) {
      losses.rateLimited += Number(rateLimited);
      losses.bufferFull += Number(bufferFull);
      const summary = this.#names.ofSlot(slot);
      if (!summary) continue;
      const known = pods.get(summary.id) ?? { pod: toPodReference(summary), packets: 0 };
      pods.set(summary.id, { ...known, packets: known.packets + Number(rateLimited + bufferFull) });
    }
    losses.pods = [...pods.values()].sort((a, b) => b.packets - a.packets);
    return losses;
  }

  close(): void {
    this.#unsubscribe();
  }

  #describe(event: VerdictEvent, clock: KernelClock): Omit<Verdict, 'id'> {
    const { set, generation, rule, protocol, sourcePort, destinationPort, icmp, tcpFlags } = event;
    const hasPorts = !portless.has(formatProtocolName(protocol)) && (sourcePort > 0 || destinationPort > 0);
    const family =
      event.ethertype === ethertypesByFamily[4] ? 4 : event.ethertype === ethertypesByFamily[6] ? 6 : null;
    const headers: Parameters<typeof toPacketHeadersResponse>[0] = {
      family: family ?? 6,
      source: readAddress(event.source, family),
      destination: readAddress(event.destination, family),
      protocol,
      icmp,
      sourcePort: hasPorts ? sourcePort : null,
      destinationPort: hasPorts ? destinationPort : null,
      tcp: formatProtocolName(protocol) === 'tcp' ? { flags: tcpFlags } : null,
    };
    return {
      ...(family === null
        ? toFrameResponse(event.ethertype, event.length)
        : toPacketHeadersResponse(headers, event.length, this.#names)),
      time: clock.milliseconds(event.timeNs),
      kind: event.kind,
      direction: event.direction,
      pod: this.#names.ofNumber(event.owner),
      reason: event.reason,
      set,
      realPeer:
        event.realPeer === null
          ? null
          : this.#names.endpoint(
              event.realPeer.address,
              event.realPeer.port === 0 ? null : event.realPeer.port,
            ),
      generation,
      rule: rule === 0 ? null : this.#rules.ruleName(set, generation, rule),
    };
  }
}
