import type { NftElement, NftSet } from '../../../netlink/nftables.ts';
import { nftElementAttributes, nftElementFlags, nftSetFlags } from '../../../netlink/nftables-constants.ts';
import { findRaw } from '../../../netlink/raw-attributes.ts';

/** A set and its elements. */
export interface NftSetContent {
  set: NftSet;
  elements: readonly NftElement[];
}

const hasFlag = (set: NftSet, flag: number): boolean => (set.flags & flag) !== 0;
export const isAnonymousSet = (set: NftSet): boolean => hasFlag(set, nftSetFlags.anonymous);

/**
 * Tests whether elements can be added to a set for the time of a migration: a named one without ranges, whose content
 * may change, with room for as many again.
 */
export const isExtensibleSet = ({ set, elements }: NftSetContent): boolean =>
  !hasFlag(set, nftSetFlags.anonymous | nftSetFlags.constant | nftSetFlags.interval) &&
  (set.size === null || elements.length * 2 <= set.size);

const isCatchAll = (element: NftElement): boolean => (element.flags & nftElementFlags.catchAll) !== 0;

/** Finds the elements whose key has, or whose range of keys contains, a value at an offset in bytes. */
export function matchElements({ set, elements }: NftSetContent, value: Buffer, offset: number): NftElement[] {
  const part = (key: Buffer): Buffer => key.subarray(offset, offset + value.length);
  if (hasFlag(set, nftSetFlags.interval) && !hasFlag(set, nftSetFlags.concatenation))
    return matchInterval(elements, value);
  return elements.filter(
    ({ key, keyEnd }) =>
      key !== null &&
      (keyEnd ? part(key).compare(value) <= 0 && part(keyEnd).compare(value) >= 0 : part(key).equals(value)),
  );
}

/** Finds the interval of a value: elements are starts and ends of intervals, the last one before the value counts. */
function matchInterval(elements: readonly NftElement[], value: Buffer): NftElement[] {
  let last: { key: Buffer; element: NftElement } | null = null;
  for (const element of elements) {
    const { key, keyEnd } = element;
    if (key === null || key.compare(value) > 0) continue;
    if (keyEnd && keyEnd.compare(value) >= 0) return [element];
    const order = last ? key.compare(last.key) : 1;
    // Where one interval ends, another may start.
    if (order > 0 || (order === 0 && !isEnd(element))) last = { key, element };
  }
  return last && !isEnd(last.element) ? [last.element] : [];
}

const isEnd = (element: NftElement): boolean => (element.flags & nftElementFlags.intervalEnd) !== 0;

/** Returns the element that matches where no other does, if the set has one. */
export const catchAllElement = ({ elements }: NftSetContent): NftElement | null =>
  elements.find(isCatchAll) ?? null;

/** Describes what an element maps to, for comparison: its data or the object it refers to. */
export const elementResult = ({ attributes }: NftElement): string =>
  [nftElementAttributes.data, nftElementAttributes.objectReference]
    .map((type) => findRaw(attributes, type)?.toString('hex') ?? '')
    .join('/');
