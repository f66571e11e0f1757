/** Pauses between attempts that fail, each about twice as long as the one before, with a random part. */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  #next: number;

  /** Creates the pauses. @param first of them in ms @param longest of them in ms */
  constructor(first: number, longest: number) {
    this.#first = first;
    this.#longest = longest;
    this.#next = first;
  }

  /** Returns the next pause in ms: from a half to all of it, so that not all agents of a cluster come back at once. */
  next(): number {
    const pause = this.#next;
    this.#next = Math.min(this.#longest, pause * 2);
    return pause * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#next = this.#first;
  }
}
