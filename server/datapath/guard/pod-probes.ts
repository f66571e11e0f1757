import type { GuardThresholds } from '../../../contract/guard.ts';
import { isIpv6 } from '../../../contract/network.ts';
import type { Family } from '../../netlink/ip-address.ts';
import { stripPrefixLength } from '../device/next-hops.ts';
import { EchoSocket } from '../echo/icmp-socket.ts';
import {
  assessProbe,
  neverProbed,
  type ProbeOutcome,
  type ProbeRecord,
  probeDelayMs,
  recordOutcome,
  resetFailures,
} from './probe-record.ts';
import { probeTcp } from './tcp-probe.ts';
import type { Assessment } from './traffic-monitor.ts';

type Rules = Pick<GuardThresholds, 'icmp' | 'tcpPort' | 'probeSeconds' | 'probeTimeoutMs' | 'probeFailures'>;

/** Packets of one probe in one direction at most: an echo has one, a connection its handshake and end. */
const packetsOf = { icmp: 1, tcp: 6 } as const;

/** Echo sockets of both families, opened when they are first needed. */
export class EchoSockets {
  readonly #sockets = new Map<Family, EchoSocket | { why: string }>();

  async ask(address: string, timeoutMs: number): Promise<ProbeOutcome> {
    const family = isIpv6(address) ? 'ipv6' : 'ipv4';
    const socket = this.#sockets.get(family) ?? this.#open(family);
    return socket instanceof EchoSocket ? socket.ask(address, timeoutMs) : socket;
  }

  #open(family: Family): EchoSocket | { why: string } {
    let opened: EchoSocket | { why: string };
    try {
      opened = EchoSocket.open(family);
    } catch (error) {
      opened = { why: (error as Error).message };
    }
    this.#sockets.set(family, opened);
    return opened;
  }

  close(): void {
    for (const socket of this.#sockets.values()) if (socket instanceof EchoSocket) socket.close();
    this.#sockets.clear();
  }
}

interface Target {
  method: 'icmp' | 'tcp';
  address: string;
  what: string;
}

/** The probes of one pod: its first address of each family, by each method that is switched on. */
export class PodProbes {
  /** Packets each way that all probes so far may have been. */
  packets = 0;
  readonly #sockets: EchoSockets;
  readonly #addresses: readonly string[];
  readonly #records = new Map<string, ProbeRecord>();
  readonly #due = new Map<string, number>();
  readonly #running = new Set<string>();
  #generation = 0;

  /** @param addresses CIDRs */
  constructor(sockets: EchoSockets, addresses: readonly string[]) {
    this.#sockets = sockets;
    this.#addresses = [false, true].flatMap((six) => {
      const first = addresses.find((each) => isIpv6(each) === six);
      return first === undefined ? [] : [stripPrefixLength(first)];
    });
  }

  /** Starts the probes that are due; their outcome is in the verdict of later rounds. */
  start(rules: Rules, now: number): void {
    for (const { method, address, what } of this.#targets(rules)) {
      if (this.#running.has(what) || (this.#due.get(what) ?? 0) > now) continue;
      this.#running.add(what);
      this.packets += packetsOf[method];
      const generation = this.#generation;
      const asked =
        method === 'icmp'
          ? this.#sockets.ask(address, rules.probeTimeoutMs)
          : probeTcp(address, rules.tcpPort!, rules.probeTimeoutMs);
      void asked.then((outcome) => {
        this.#running.delete(what);
        const before = this.#records.get(what) ?? neverProbed;
        // What was asked before an act says nothing of what came of it.
        const record = generation === this.#generation ? recordOutcome(before, outcome, now) : before;
        this.#records.set(what, record);
        this.#due.set(what, now + probeDelayMs(record, rules));
      });
    }
  }

  /** After an act: failures are counted anew. */
  restart(): void {
    this.#generation++;
    for (const [what, record] of this.#records) this.#records.set(what, resetFailures(record));
    this.#due.clear();
  }

  /** Whether something that used to answer did not, the last time. */
  get doubtful(): boolean {
    return [...this.#records.values()].some(({ answered, failures }) => answered && failures > 0);
  }

  /** Of all targets together: one that fails is enough. */
  verdict(rules: Rules, now: number): Assessment | null {
    const verdicts = this.#targets(rules).map(({ method, what }) =>
      assessProbe(what, this.#records.get(what) ?? neverProbed, method === 'tcp', rules, now),
    );
    if (verdicts.length === 0) return null;
    const of = (state: Assessment['state']) => verdicts.filter((verdict) => verdict.state === state);
    const chosen = [of('failing'), of('well'), of('unknown')].find((some) => some.length > 0)!;
    const since = chosen.flatMap((verdict) => verdict.since ?? []);
    return {
      state: chosen[0]!.state,
      evidence: chosen.map(({ evidence }) => evidence).join('; '),
      since: since.length === 0 ? null : Math.min(...since),
    };
  }

  #targets({ icmp, tcpPort }: Rules): Target[] {
    return this.#addresses.flatMap((address) => [
      ...(icmp ? [{ method: 'icmp' as const, address, what: `ICMP echo to ${address}` }] : []),
      ...(tcpPort === null
        ? []
        : [
            {
              method: 'tcp' as const,
              address,
              what: `TCP to ${isIpv6(address) ? `[${address}]` : address}:${tcpPort}`,
            },
          ]),
    ]);
  }
}
