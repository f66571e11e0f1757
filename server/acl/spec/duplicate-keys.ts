import { isMap, isScalar, isSeq } from 'yaml';

/**
 * Finds keys that a mapping of the document has twice, in time linear in its size; the yaml package compares each key with
 * each other one. @returns text offsets of the second ones
 */
export function findDuplicateKeys(contents: unknown): number[] {
  const found: number[] = [];
  const rest: unknown[] = [contents];
  while (rest.length > 0) {
    const node = rest.pop();
    // One by one: a list may have more items than a call can have arguments.
    if (isSeq(node)) for (const item of node.items.toReversed()) rest.push(item);
    if (!isMap(node)) continue;
    const keys = new Set<unknown>();
    for (const { key } of node.items) {
      const name = isScalar(key) ? key.value : key;
      if (keys.has(name)) found.push((key as { range?: [number] | null }).range?.[0] ?? 0);
      keys.add(name);
    }
    for (const { key, value } of node.items.toReversed()) rest.push(value, key);
  }
  return found.sort((a, b) => a - b);
}
