import type { Logger } from 'pino';
import type { Condition } from '../../../contract/condition.ts';
import type { TaskScope } from '../../async/task-scope.ts';
import { attachAfterNat } from '../../bpf/after-nat.ts';
import type { DatapathPrograms } from '../../bpf/datapath.ts';
import { listLegacyNat } from '../../kernel/nat-rules.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { getNftGeneration, listNftChains } from '../../netlink/nftables.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';

/** Milliseconds between two looks at the node's rules; one look asks for their generation. */
const followMs = 1000;
/** Milliseconds after which it is tried again to attach after_nat. */
const attachAgainMs = 30_000;

/** What the programs know of the node's NAT; it outlives an agent. */
export interface NatSetting {
  readonly afterNat: boolean;
  setAfterNat(on: boolean): void;
}

/**
 * Follows whether the node translates addresses. While it does, what pods begin is evaluated behind NAT, by the end that
 * a service leads to, and masqueraded connections to pods by who began them; otherwise where the packet leaves the pod,
 * which costs less and drops earlier. While the node's rules cannot be read, what was known last holds, also what an
 * agent before knew.
 */
export class NatFollower {
  readonly #programs: DatapathPrograms;
  readonly #setting: NatSetting;
  readonly #log: Logger;
  readonly #socket = NetlinkSocket.open('netfilter');
  #generation = -1;
  #nftHasNat = false;
  /** Whether the node translated addresses at the last look. */
  #hasNat: boolean;
  #condition: Condition | null = null;
  /** Whether after_nat runs; null before it was tried. */
  #attached: Promise<boolean> | null = null;
  #attachedAt = 0;
  #attachCondition: Condition | null = null;

  constructor(programs: DatapathPrograms, setting: NatSetting, log: Logger) {
    this.#programs = programs;
    this.#setting = setting;
    this.#log = log;
    this.#hasNat = setting.afterNat;
  }

  /** Says that the node's rules cannot be read, or not be respected, if that is so. */
  get conditions(): Condition[] {
    return [this.#condition, this.#attachCondition].filter((condition) => condition !== null);
  }

  /** Looks at the node's rules every second. */
  follow(scope: TaskScope): void {
    scope.every(followMs, () => this.check());
  }

  /** Looks at the node's rules now. Rules should be loaded only behind this, so that they see real ends at once. */
  async check(): Promise<void> {
    if (!this.#programs.features.conntrack || !(await this.#follow())) {
      this.#attachCondition = null;
      return this.#setting.setAfterNat(false);
    }
    if (this.#attachCondition !== null && performance.now() > this.#attachedAt + attachAgainMs)
      this.#attached = null;
    this.#attached ??= this.#attach();
    this.#setting.setAfterNat(await this.#attached);
  }

  close(): void {
    this.#socket.close();
  }

  async #attach(): Promise<boolean> {
    this.#attachedAt = performance.now();
    try {
      await attachAfterNat(this.#programs);
      this.#attachCondition = null;
      return true;
    } catch (err) {
      if (this.#attachCondition === null)
        this.#log.warn({ err }, 'egress rules see services by their own addresses');
      this.#attachCondition = {
        reason: 'nat_not_respected',
        message: `egress rules see services by their own addresses, not by their backends: ${(err as Error).message}`,
        remedy:
          'BPF programs at netfilter’s hooks need Linux 6.4. Until then, egress rules have to allow the addresses of services.',
        since: this.#attachCondition?.since ?? new Date().toISOString(),
      };
      return false;
    }
  }

  /** Returns whether the node translates addresses, as far as is known. */
  async #follow(): Promise<boolean> {
    try {
      this.#hasNat = listLegacyNat().length > 0 || (await this.#usesNftNat());
      this.#condition = null;
    } catch (err) {
      if (this.#condition === null) this.#log.warn({ err }, 'the node’s NAT rules cannot be read');
      this.#condition = {
        reason: 'nat_unknown',
        message: `the node’s NAT rules cannot be read (${(err as Error).message}): pods’ traffic is evaluated as ${this.#hasNat ? 'with' : 'without'} NAT, which was known last`,
        remedy: 'Run: nft list chains, to see if netfilter answers. It is tried again every second.',
        since: this.#condition?.since ?? new Date().toISOString(),
      };
    }
    return this.#hasNat;
  }

  async #usesNftNat(): Promise<boolean> {
    try {
      const generation = await getNftGeneration(this.#socket);
      if (generation !== this.#generation) {
        this.#nftHasNat = (await listNftChains(this.#socket)).some(({ type }) => type === 'nat');
        this.#generation = generation;
      }
      return this.#nftHasNat;
    } catch (error) {
      // A kernel without nf_tables: nfnetlink knows no such subsystem.
      if (isNetlinkError(error, 'EINVAL', 'EOPNOTSUPP')) return false;
      throw error;
    }
  }
}
