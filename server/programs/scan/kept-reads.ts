/**
 * Values that were read before, by key, so that a scan of a large node reads most of them only now and then. Keys grow
 * too old at different times, so that no scan has to read all.
 */
export class KeptReads<Key, Value> {
  readonly #values = new Map<Key, { value: Value; atMs: number; share: number }>();
  /** Age in ms of the oldest value that was used since `begin`. */
  oldestMs = 0;
  /** Number of values that were used since `begin`. */
  used = 0;

  begin(): void {
    this.oldestMs = 0;
    this.used = 0;
  }

  /** Returns a kept value that is younger than between half of `mostMs` and all of it; undefined if it has to be read. */
  get(key: Key, mostMs: number): Value | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined) return undefined;
    const ageMs = performance.now() - kept.atMs;
    if (ageMs >= mostMs * kept.share) return undefined;
    this.oldestMs = Math.max(this.oldestMs, ageMs);
    this.used += 1;
    return kept.value;
  }

  set(key: Key, value: Value): Value {
    this.#values.set(key, { value, atMs: performance.now(), share: 0.5 + Math.random() / 2 });
    return value;
  }

  /** Forgets what is not among the keys of a scan. */
  retain(keys: ReadonlySet<Key>): void {
    for (const key of this.#values.keys()) if (!keys.has(key)) this.#values.delete(key);
  }
}
