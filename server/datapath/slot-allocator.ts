import { ProblemError } from '../../contract/problem.ts';

export const formatPrimaryName = (slot: number): string => `pl${slot}`;
/**
 * Returns the name that both ends of a device have during a migration, while the pod's other device has the names by
 * which host and pod know it.
 */
export const formatTemporaryName = (slot: number): string => `pn${slot}`;

/** Returns the locally administered MAC address of a slot's primary: 02, "pl", then twice the slot number. */
export const formatPrimaryMac = (slot: number): string => mac(2 * slot);
export const formatPeerMac = (slot: number): string => mac(2 * slot + 1);

const mac = (n: number): string =>
  ['02', '70', '6c', ...[n >> 16, n >> 8, n].map((byte) => (byte & 0xff).toString(16).padStart(2, '0'))].join(
    ':',
  );

/**
 * Allocates slots in rotation, so that a late event of a removed device does not affect a new device on the same
 * slot.
 */
export class SlotAllocator {
  readonly max: number;
  readonly #prepare: (slot: number) => void;
  readonly #isTaken: (slot: number) => Promise<boolean>;
  readonly #used = new Set<number>();
  #next = 0;

  /**
   * Creates an allocator of `max` slots.
   * @param prepare clears a slot's counters before the slot is allocated
   * @param isTaken tells whether the kernel has a device on a slot that the store does not know; it is left alone
   */
  constructor(
    max: number,
    prepare: (slot: number) => void,
    isTaken: (slot: number) => Promise<boolean> = async () => false,
  ) {
    this.max = max;
    this.#prepare = prepare;
    this.#isTaken = isTaken;
  }

  get used(): number {
    return this.#used.size;
  }

  /** Returns true if a slot is allocated, or reserved for a device that the store has. */
  isUsed(slot: number): boolean {
    return this.#used.has(slot);
  }

  /** Marks a slot as used because the store has a device on it. */
  reserve(slot: number): void {
    this.#used.add(slot);
    if (slot >= this.#next) this.#next = (slot + 1) % this.max;
  }

  /** Allocates a free slot. @throws ProblemError `no_slot` if all slots are in use */
  async allocate(): Promise<number> {
    const skipped: number[] = [];
    try {
      for (;;) {
        const slot = this.next();
        this.#used.add(slot);
        this.#next = (slot + 1) % this.max;
        if (await this.#isTakenOrFree(slot)) {
          skipped.push(slot);
          continue;
        }
        this.#prepare(slot);
        return slot;
      }
    } finally {
      for (const slot of skipped) this.#used.delete(slot);
    }
  }

  /** Asks whether a slot is taken; a slot whose question fails is free again. */
  async #isTakenOrFree(slot: number): Promise<boolean> {
    try {
      return await this.#isTaken(slot);
    } catch (error) {
      this.#used.delete(slot);
      throw error;
    }
  }

  /** Returns the slot that `allocate` would choose. @throws ProblemError `no_slot` */
  next(): number {
    for (let i = 0; i < this.max; i++) {
      const slot = (this.#next + i) % this.max;
      if (!this.#used.has(slot)) return slot;
    }
    throw new ProblemError('no_slot', `all ${this.max} slots of this node are taken`, {
      hint: 'Remove pods, or start the agent with a larger --max-slots.',
    });
  }

  release(slot: number): void {
    this.#used.delete(slot);
  }
}
