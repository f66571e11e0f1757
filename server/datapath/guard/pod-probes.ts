import { isIpv6Text } from '../../../contract/cidr.ts';
import type { GuardThresholds } from '../../../contract/guard.ts';
import type { TaskScope } from '../../async/task-scope.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import type { EchoSockets } from '../echo/echo-sockets.ts';
import {
  assessProbeRecord,
  initialProbeRecord,
  type ProbeRecord,
  probeDelayMs,
  recordProbeOutcome,
  resetProbeFailures,
} from './probe-record.ts';
import { probeTcp } from './tcp-probe.ts';
import type { SignalAssessment } from './traffic-monitor.ts';

type Rules = Pick<GuardThresholds, 'icmp' | 'tcpPort' | 'probeSeconds' | 'probeTimeoutMs' | 'probeFailures'>;

/** Maximum number of packets per direction that one probe causes: an echo, or opening and closing a TCP connection. */
const packetsOf = { icmp: 1, tcp: 6 } as const;

interface Target {
  address: string;
  /** TCP port of the probe, or null for an ICMP echo. */
  port: number | null;
  what: string;
}

/** Probes a pod at its first address of each family with every enabled method. */
export class PodProbes {
  /** Maximum number of packets that all probes so far have caused in each direction. */
  packets = 0;
  readonly #sockets: EchoSockets;
  readonly #scope: TaskScope;
  readonly #addresses: readonly string[];
  readonly #records = new Map<string, ProbeRecord>();
  readonly #due = new Map<string, number>();
  readonly #running = new Set<string>();
  #generation = 0;

  /**
   * Creates the probes of one pod.
   * @param addresses addresses of the pod in CIDR notation
   * @param scope task scope that owns the pending probes
   */
  constructor(sockets: EchoSockets, addresses: readonly string[], scope: TaskScope) {
    this.#sockets = sockets;
    this.#scope = scope;
    this.#addresses = [false, true].flatMap((six) => {
      const first = addresses.find((each) => isIpv6Text(each) === six);
      return first === undefined ? [] : [stripPrefixLength(first)];
    });
  }

  /** Starts the probes that are due. Later assessments include the outcomes. */
  start(rules: Rules, now: number): void {
    for (const target of this.#targets(rules)) {
      if (this.#running.has(target.what) || (this.#due.get(target.what) ?? 0) > now) continue;
      this.#running.add(target.what);
      this.packets += packetsOf[target.port === null ? 'icmp' : 'tcp'];
      this.#scope.start((signal) => this.#probe(target, rules, now, signal));
    }
  }

  async #probe(
    { address, port, what }: Target,
    rules: Rules,
    now: number,
    signal: AbortSignal,
  ): Promise<void> {
    const generation = this.#generation;
    const outcome =
      port === null
        ? await this.#sockets.probe(address, rules.probeTimeoutMs)
        : await probeTcp(address, port, rules.probeTimeoutMs, signal);
    this.#running.delete(what);
    const before = this.#records.get(what) ?? initialProbeRecord;
    // A probe that was sent before an action says nothing about the result of the action.
    const record = generation === this.#generation ? recordProbeOutcome(before, outcome, now) : before;
    this.#records.set(what, record);
    this.#due.set(what, now + probeDelayMs(record, rules));
  }

  /** Resets the failure counts of all targets after an action of the guard. */
  restart(): void {
    this.#generation++;
    for (const [what, record] of this.#records) this.#records.set(what, resetProbeFailures(record));
    this.#due.clear();
  }

  /** True if the last probe of a target that has replied before got no reply. */
  get doubtful(): boolean {
    return [...this.#records.values()].some(({ answered, failures }) => answered && failures > 0);
  }

  /**
   * Assesses all probe targets together; one failing target is enough to fail.
   * @returns null if no probe is enabled
   */
  assess(rules: Rules, now: number): SignalAssessment | null {
    const all = this.#targets(rules).map(({ port, what }) =>
      assessProbeRecord(what, this.#records.get(what) ?? initialProbeRecord, port !== null, rules, now),
    );
    for (const state of ['failing', 'healthy', 'unknown'] as const) {
      const some = all.filter((each) => each.state === state);
      if (some.length === 0) continue;
      const since = some.flatMap((each) => each.since ?? []);
      return {
        state,
        evidence: some.map(({ evidence }) => evidence).join('; '),
        since: since.length === 0 ? null : Math.min(...since),
      };
    }
    return null;
  }

  #targets({ icmp, tcpPort }: Rules): Target[] {
    return this.#addresses.flatMap((address) => [
      ...(icmp ? [{ address, port: null, what: `ICMP echo to ${address}` }] : []),
      ...(tcpPort === null
        ? []
        : [
            {
              address,
              port: tcpPort,
              what: `TCP to ${isIpv6Text(address) ? `[${address}]` : address}:${tcpPort}`,
            },
          ]),
    ]);
  }
}
