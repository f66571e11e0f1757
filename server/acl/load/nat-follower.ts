import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { TaskScope } from '../../async/task-scope.ts';
import { attachAfterNat } from '../../bpf/after-nat.ts';
import type { DatapathPrograms } from '../../bpf/datapath.ts';
import { getNftGeneration, listNftChains } from '../../netlink/nftables.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';

/** Milliseconds between two looks at the node's rules; one look asks for their generation. */
const followMs = 1000;
/** Lists the tables of iptables-legacy that this namespace uses. */
const legacyTables = ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'] as const;

/**
 * Follows whether the node translates addresses. While it does, what pods begin is evaluated behind NAT, by the end that
 * a service leads to, and masqueraded connections to pods by who began them; otherwise where the packet leaves the pod,
 * which costs less and drops earlier.
 */
export class NatFollower {
  readonly #programs: DatapathPrograms;
  readonly #setAfterNat: (on: boolean) => void;
  readonly #log: Logger;
  readonly #socket = NetlinkSocket.open('netfilter');
  #generation = -1;
  #nftHasNat = false;
  /** Whether after_nat runs; null before it was tried. */
  #attached: Promise<boolean> | null = null;

  constructor(programs: DatapathPrograms, setAfterNat: (on: boolean) => void, log: Logger) {
    this.#programs = programs;
    this.#setAfterNat = setAfterNat;
    this.#log = log;
  }

  /** Looks at the node's rules every second. */
  follow(scope: TaskScope): void {
    scope.every(followMs, () => this.check());
  }

  /** Looks at the node's rules now. Rules should be loaded only behind this, so that they see real ends at once. */
  async check(): Promise<void> {
    if (!this.#programs.features.conntrack || !(await this.#hasNat())) return this.#setAfterNat(false);
    this.#attached ??= this.#attach();
    this.#setAfterNat(await this.#attached);
  }

  close(): void {
    this.#socket.close();
  }

  async #attach(): Promise<boolean> {
    try {
      await attachAfterNat(this.#programs);
      return true;
    } catch (err) {
      this.#log.warn(
        { err },
        'egress rules see services by their own addresses: the kernel runs no BPF programs at netfilter’s hooks',
      );
      return false;
    }
  }

  async #hasNat(): Promise<boolean> {
    if (legacyTables.some(usesLegacyNat)) return true;
    try {
      const generation = await getNftGeneration(this.#socket);
      if (generation !== this.#generation) {
        this.#nftHasNat = (await listNftChains(this.#socket)).some(({ type }) => type === 'nat');
        this.#generation = generation;
      }
    } catch {
      // The kernel has no nf_tables, or does not answer now: then what it answered last still holds.
    }
    return this.#nftHasNat;
  }
}

function usesLegacyNat(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').split('\n').includes('nat');
  } catch {
    return false; // no iptables-legacy
  }
}
