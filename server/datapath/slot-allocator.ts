import { ProblemError } from '../../contract/problem.ts';

export const primaryName = (slot: number): string => `pl${slot}`;
/** Name of a peer that is not yet the pod's interface. */
export const temporaryPeerName = (slot: number): string => `pn${slot}`;

/** MAC addresses of a veth: locally administered, "pl", then the interface's index less the base. */
export const primaryMac = (slot: number): string => mac(2 * slot);
export const peerMac = (slot: number): string => mac(2 * slot + 1);

const mac = (n: number): string =>
  ['02', '70', '6c', ...[n >> 16, n >> 8, n].map((byte) => (byte & 0xff).toString(16).padStart(2, '0'))].join(
    ':',
  );

/** Hands out slots, the one longest free first, so that a late event of a removed device meets no new one. */
export class SlotAllocator {
  readonly max: number;
  readonly #taken: (slot: number) => void;
  readonly #used = new Set<number>();
  #next = 0;

  /** @param taken told of a slot before `take` gives it: what its last device counted is to be forgotten */
  constructor(max: number, taken: (slot: number) => void) {
    this.max = max;
    this.#taken = taken;
  }

  get used(): number {
    return this.#used.size;
  }

  /** Marks a slot used that the store already know. */
  reserve(slot: number): void {
    this.#used.add(slot);
    if (slot >= this.#next) this.#next = (slot + 1) % this.max;
  }

  /** @throws ProblemError `no_slot` */
  allocate(): number {
    const slot = this.next();
    this.#taken(slot);
    this.#used.add(slot);
    this.#next = (slot + 1) % this.max;
    return slot;
  }

  /** The slot `take` would give. */
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
