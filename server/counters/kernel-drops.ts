import { uptime } from 'node:os';
import type { PodDrops, KernelDrops as Reason } from '../../contract/drops.ts';
import type { Capability } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { readVmlinuxBtf } from '../bpf/btf.ts';
import { type KernelDropCount, type KernelDropProgram, openKernelDropProgram } from '../bpf/kernel-drops.ts';
import { type DropReasons, readDropReasons } from '../kernel/drop-reasons.ts';

/** A pod as the kernel's drops are found: by its namespace, and at the primaries of its devices by their slots. */
export interface TrackedPod {
  number: number;
  netnsInode: bigint;
  slots: readonly number[];
}

interface Tracked extends TrackedPod {
  since: string;
}

// CLOCK_BOOTTIME in wall time; taken once, so that a drop keeps its time.
const bootedAtMs = Date.now() - uptime() * 1000;

/** A node's pods have few reasons each; the table is made once and takes its room on each CPU. */
const countsPerSlot = 4;

/**
 * The kernel's drops of the pods that are tracked, by pod and reason. Counts go on while a pod's devices change.
 * Where the kernel has no drop reasons, or refuses, nothing is counted and `read` says why.
 */
export class KernelDropCounters {
  readonly #program: KernelDropProgram | null;
  readonly #reasons: DropReasons | null;
  readonly #detail: string;
  readonly #hint: string | null;
  readonly #pods = new Map<number, Tracked>();
  /** Which pod each slot is told to be. */
  readonly #slots = new Map<number, number>();

  private constructor(
    found: { program: KernelDropProgram; reasons: DropReasons } | null,
    { detail, hint }: Pick<Capability, 'detail' | 'hint'>,
  ) {
    this.#program = found?.program ?? null;
    this.#reasons = found?.reasons ?? null;
    this.#detail = detail;
    this.#hint = hint;
  }

  /**
   * Begins to count in the pods' namespaces and in the one that the primaries are in. Never throws.
   * @param capability `drop-reasons` of the probe
   */
  static async open(
    capability: Capability | undefined,
    where: { hostNetns: bigint; maxSlots: number },
  ): Promise<KernelDropCounters> {
    if (!capability?.available)
      return new KernelDropCounters(null, capability ?? { detail: 'the kernel was not asked', hint: null });
    try {
      const reasons = readDropReasons(await readVmlinuxBtf());
      const program = await openKernelDropProgram({
        ...where,
        maxCounts: where.maxSlots * countsPerSlot,
        receiverTold: reasons.hasReceiverSocket,
      });
      return new KernelDropCounters({ program, reasons }, { detail: capability.detail, hint: null });
    } catch (error) {
      const hint = error instanceof ProblemError ? (error.hint ?? null) : null;
      return new KernelDropCounters(null, {
        detail: error instanceof Error ? error.message : String(error),
        hint,
      });
    }
  }

  get available(): boolean {
    return this.#program !== null;
  }

  /** Counts for this pod from now on; again, with what its slots and its namespace are now. */
  track({ number, netnsInode, slots }: TrackedPod): void {
    if (this.#program === null) return;
    const before = this.#pods.get(number);
    if (before?.netnsInode !== netnsInode) {
      if (before) this.#program.setNamespace(before.netnsInode, 0);
      this.#program.setNamespace(netnsInode, number);
    }
    for (const slot of before?.slots ?? []) if (!slots.includes(slot)) this.#release(slot, number);
    for (const slot of slots) {
      if (this.#slots.get(slot) === number) continue;
      this.#program.setSlot(slot, number);
      this.#slots.set(slot, number);
    }
    const since = before?.since ?? new Date().toISOString();
    this.#pods.set(number, { number, netnsInode, slots: [...slots], since });
  }

  /** The pod's counts are gone after this. */
  untrack(number: number): void {
    const pod = this.#pods.get(number);
    if (this.#program === null || pod === undefined) return;
    this.#pods.delete(number);
    this.#program.setNamespace(pod.netnsInode, 0);
    for (const slot of pod.slots) this.#release(slot, number);
    // Also what a drop under way wrote of a pod that was untracked before: its room would never come back.
    for (const count of this.#program.counts()) if (!this.#pods.has(count.pod)) this.#program.forget(count);
  }

  /** Of one pod; one that is not tracked has no reasons. */
  read(number: number): PodDrops['kernel'] {
    return {
      available: this.available,
      since: this.#pods.get(number)?.since ?? null,
      detail: this.#detail,
      hint: this.#hint,
      lost: Number(this.#program?.lost() ?? 0n),
      reasons: this.readAll().get(number) ?? [],
    };
  }

  /** Of every pod that has any, by its number, the most frequent reason first. */
  readAll(): Map<number, Reason[]> {
    const pods = new Map<number, Reason[]>();
    for (const count of this.#program?.counts() ?? []) {
      const reason = this.#reasons!.name(count.reason);
      if (reason === null || !this.#pods.has(count.pod)) continue;
      const known = pods.get(count.pod) ?? [];
      known.push(describe(reason, count));
      pods.set(count.pod, known);
    }
    for (const reasons of pods.values()) reasons.sort((a, b) => b.packets - a.packets || a.number - b.number);
    return pods;
  }

  close(): void {
    this.#program?.close();
  }

  /** Unless another pod has the slot by now. */
  #release(slot: number, number: number): void {
    if (this.#slots.get(slot) !== number) return;
    this.#program!.setSlot(slot, 0);
    this.#slots.delete(slot);
  }
}

const describe = (reason: string, count: KernelDropCount): Reason => ({
  reason,
  number: count.reason,
  packets: Number(count.packets),
  lastSeen: new Date(bootedAtMs + Number(count.lastNs) / 1e6).toISOString(),
});
