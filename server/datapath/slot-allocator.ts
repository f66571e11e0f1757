import { ProblemError } from '../../contract/problem.ts';

export const formatPrimaryName = (slot: number): string => `pl${slot}`;
/** Returns the name that both ends of a device have during a migration while the pod's other device has the names that stay. */
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
  readonly #used = new Set<number>();
  #next = 0;

  /** Creates an allocator of `max` slots. @param prepare clears a slot's counters before the slot is allocated */
  constructor(max: number, prepare: (slot: number) => void) {
    this.max = max;
    this.#prepare = prepare;
  }

  get used(): number {
    return this.#used.size;
  }

  /** Marks a slot as used because the store has a device on it. */
  reserve(slot: number): void {
    this.#used.add(slot);
    if (slot >= this.#next) this.#next = (slot + 1) % this.max;
  }

  /** Allocates a free slot. @throws ProblemError `no_slot` if all slots are in use */
  allocate(): number {
    const slot = this.next();
    this.#prepare(slot);
    this.#used.add(slot);
    this.#next = (slot + 1) % this.max;
    return slot;
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
