import { uptime } from 'node:os';
import type { PodDrops, KernelDrops as Reason } from '../../contract/drops.ts';
import type { KernelCapability } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import { readVmlinuxBtf } from '../bpf/btf.ts';
import {
  type KernelDropCount,
  type KernelDropProgram,
  openKernelDropProgram,
} from '../bpf/kernel-drop-program.ts';
import { type KernelDropReasons, readKernelDropReasons } from '../kernel/drop-reasons.ts';

/** A pod whose kernel drops are counted, both in its network namespace and on the primary devices of its slots. */
export interface DropTrackedPod {
  number: number;
  netnsInode: bigint;
  slots: readonly number[];
  /** Indexes of the primaries of its devices that others made. */
  foreignPrimaries?: readonly number[];
}

interface Tracked extends DropTrackedPod {
  since: string;
}

// Offset of CLOCK_BOOTTIME from wall time, read once, so that the time of a drop never changes.
const bootedAtMs = Date.now() - uptime() * 1000;

/** Number of map elements per slot for drop counts. Pods have few drop reasons, and the per-CPU map is preallocated. */
const countsPerSlot = 4;

/**
 * Counts kernel drops of tracked pods by pod and reason, also while a pod's devices change. If the kernel reports no
 * drop reasons or refuses the program, nothing is counted and `read` says why.
 */
export class KernelDropCounters {
  readonly #program: KernelDropProgram | null;
  readonly #reasons: KernelDropReasons | null;
  readonly #detail: string;
  readonly #hint: string | null;
  readonly #pods = new Map<number, Tracked>();
  /** Pod number of each network namespace, as written to the BPF map. */
  readonly #namespaces = new Map<bigint, number>();
  /** Pod number of each slot, as written to the BPF map. */
  readonly #slots = new Map<number, number>();

  private constructor(
    found: { program: KernelDropProgram; reasons: KernelDropReasons } | null,
    { detail, hint }: Pick<KernelCapability, 'detail' | 'hint'>,
  ) {
    this.#program = found?.program ?? null;
    this.#reasons = found?.reasons ?? null;
    this.#detail = detail;
    this.#hint = hint;
  }

  /**
   * Starts counting in the pods' namespaces and in the namespace of the primaries. Never throws.
   * @param capability capability `drop-reasons`, as probed
   */
  static async open(
    capability: KernelCapability | undefined,
    where: { hostNetns: bigint; maxSlots: number },
  ): Promise<KernelDropCounters> {
    if (!capability?.available)
      return new KernelDropCounters(null, capability ?? { detail: 'the kernel was not probed', hint: null });
    try {
      const reasons = readKernelDropReasons(await readVmlinuxBtf());
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

  /** Starts counting the kernel drops of a pod, or updates its slots and network namespace. */
  track({ number, netnsInode, slots, foreignPrimaries = [] }: DropTrackedPod): void {
    if (this.#program === null) return;
    const before = this.#pods.get(number);
    if (before?.netnsInode !== netnsInode) {
      if (before) this.#releaseNamespace(before.netnsInode, number);
      this.#program.setNamespace(netnsInode, number);
      this.#namespaces.set(netnsInode, number);
    }
    for (const slot of before?.slots ?? []) if (!slots.includes(slot)) this.#release(slot, number);
    for (const slot of slots) {
      if (this.#slots.get(slot) === number) continue;
      this.#program.setSlot(slot, number);
      this.#slots.set(slot, number);
    }
    for (const ifindex of before?.foreignPrimaries ?? [])
      if (!foreignPrimaries.includes(ifindex)) this.#program.setForeignDevice(ifindex, 0);
    for (const ifindex of foreignPrimaries)
      if (!before?.foreignPrimaries?.includes(ifindex)) this.#program.setForeignDevice(ifindex, number);
    const since = before?.since ?? new Date().toISOString();
    this.#pods.set(number, {
      number,
      netnsInode,
      slots: [...slots],
      foreignPrimaries: [...foreignPrimaries],
      since,
    });
  }

  /** Stops counting the kernel drops of a pod and deletes its counts. */
  untrack(number: number): void {
    const pod = this.#pods.get(number);
    if (this.#program === null || pod === undefined) return;
    this.#pods.delete(number);
    this.#releaseNamespace(pod.netnsInode, number);
    for (const slot of pod.slots) this.#release(slot, number);
    for (const ifindex of pod.foreignPrimaries ?? []) this.#program.setForeignDevice(ifindex, 0);
    // Also deletes counts that a concurrent drop wrote for an untracked pod, which would never be freed.
    for (const count of this.#program.counts()) if (!this.#pods.has(count.pod)) this.#program.forget(count);
  }

  /** Returns the kernel drops of a pod by reason; the list is empty for an untracked pod. */
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

  /** Returns the number of kernel drops of a pod by reason; null if they are not counted. */
  readReasons(number: number): ReadonlyMap<string, number> | null {
    if (!this.available || !this.#pods.has(number)) return null;
    const reasons = this.readAll().get(number) ?? [];
    return new Map(reasons.map(({ reason, packets }) => [reason, packets]));
  }

  /** Returns the kernel drops of each pod by pod number, most frequent reason first, without pods that have none. */
  readAll(): Map<number, Reason[]> {
    const pods = new Map<number, Reason[]>();
    for (const count of this.#program?.counts() ?? []) {
      const reason = requireValue(this.#reasons, 'drop reasons').name(count.reason);
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

  /** Clears the pod number of a namespace unless another pod now has it: one that was observed and is adopted. */
  #releaseNamespace(inode: bigint, number: number): void {
    if (this.#namespaces.get(inode) !== number) return;
    this.#program?.setNamespace(inode, 0);
    this.#namespaces.delete(inode);
  }

  /** Clears the pod number of a slot unless another pod now uses the slot. */
  #release(slot: number, number: number): void {
    if (this.#slots.get(slot) !== number) return;
    this.#program?.setSlot(slot, 0);
    this.#slots.delete(slot);
  }
}

const describe = (reason: string, count: KernelDropCount): Reason => ({
  reason,
  number: count.reason,
  packets: Number(count.packets),
  lastSeen: new Date(bootedAtMs + Number(count.lastNs) / 1e6).toISOString(),
});
