/**
 * Numbers for things that come and go: each keeps the one it had, new ones get the least that neither the last nor
 * this round uses, so that a number does not change its meaning between two rounds.
 * @param wanted keys @param last numbers by key @param first the least number to give
 */
export function keepNumbers(
  wanted: Iterable<string>,
  last: ReadonlyMap<string, number>,
  first = 1,
): Map<string, number> {
  const free = freeNumbers(last.values(), first);
  const numbers = new Map<string, number>();
  for (const key of wanted) if (!numbers.has(key)) numbers.set(key, last.get(key) ?? free());
  return numbers;
}

/** Gives the least numbers, one after the other, that are not used. */
export function freeNumbers(used: Iterable<number>, first: number): () => number {
  const taken = new Set(used);
  let next = first;
  return () => {
    while (taken.has(next)) next += 1;
    return next++;
  };
}

/**
 * As `keepNumbers`, and a key that is new takes the number of an old one that is gone: the one that it succeeds.
 * @param wanted key and the number it would take over, where there is one
 */
export function inheritNumbers(
  wanted: ReadonlyMap<string, number | undefined>,
  last: ReadonlyMap<string, number>,
): Map<string, number> {
  const free = freeNumbers(last.values(), 1);
  const numbers = new Map<string, number>();
  const held = new Set<number>();
  for (const key of wanted.keys()) {
    const number = last.get(key);
    if (number === undefined) continue;
    numbers.set(key, number);
    held.add(number);
  }
  for (const [key, heir] of wanted) {
    if (numbers.has(key)) continue;
    const number = heir !== undefined && !held.has(heir) ? heir : free();
    numbers.set(key, number);
    held.add(number);
  }
  return numbers;
}
