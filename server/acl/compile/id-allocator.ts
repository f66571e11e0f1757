/**
 * Numbers keys from one compilation to the next: a known key keeps its number, a new one gets the least number that
 * neither compilation uses, so that no number changes its meaning from one to the next.
 * @param previous numbers by key @param first least number to assign
 */
export function assignTableIds(
  keys: Iterable<string>,
  previous: ReadonlyMap<string, number>,
  first = 1,
): Map<string, number> {
  const nextFree = idAllocator(previous.values(), first);
  const ids = new Map<string, number>();
  for (const key of keys) if (!ids.has(key)) ids.set(key, previous.get(key) ?? nextFree());
  return ids;
}

/** Creates a function that returns the unused numbers from `first` on, in ascending order. */
function idAllocator(used: Iterable<number>, first: number): () => number {
  const taken = new Set(used);
  let next = first;
  return () => {
    while (taken.has(next)) next += 1;
    return next++;
  };
}

/**
 * Numbers keys as `assignTableIds` does, and lets a new key take over the number of the key that it replaces.
 * @param keys each with the number that it would take over; undefined: none
 */
export function assignOrInheritTableIds(
  keys: ReadonlyMap<string, number | undefined>,
  previous: ReadonlyMap<string, number>,
): Map<string, number> {
  const nextFree = idAllocator(previous.values(), 1);
  const ids = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of keys.keys()) {
    const id = previous.get(key);
    if (id === undefined) continue;
    ids.set(key, id);
    taken.add(id);
  }
  for (const [key, inherited] of keys) {
    if (ids.has(key)) continue;
    const id = inherited !== undefined && !taken.has(inherited) ? inherited : nextFree();
    ids.set(key, id);
    taken.add(id);
  }
  return ids;
}

/** Returns the number assigned to a key. @throws Error if the key has no number */
export function getAssignedTableId<K>(ids: ReadonlyMap<K, number>, key: K): number {
  const id = ids.get(key);
  if (id === undefined) throw new Error(`${JSON.stringify(key)} has no number`);
  return id;
}
