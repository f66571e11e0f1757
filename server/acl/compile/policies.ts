import type { Direction } from '../../../contract/direction.ts';
import type { Last, Policy } from './compiled-rules.ts';
import { inheritNumbers } from './id-allocator.ts';
import type { Group } from './evaluation-order.ts';
import type { RowBook } from './entry-lists.ts';
import type { AclPod } from '../spec/pod-selector.ts';
import type { PodPolicy } from '../tables/policy-tables.ts';

/** By direction and the rules' numbers, whatever their order. */
const signature = ({ direction, rules }: Group, numberOf: readonly number[]): string =>
  `${direction} ${rules
    .map(({ order }) => numberOf[order]!)
    .sort((a, b) => a - b)
    .join()}`;

/** Pods whose list of rules changes keep their policy's number, unless other pods keep the list. */
export function numberGroups(
  groups: readonly Group[],
  numberOf: readonly number[],
  { tables, numbers }: Last,
): Map<string, number> {
  const wanted = groups.map((group) => {
    const policy = tables.pods.get(group.pods[0]!.id)?.[group.direction].policy;
    return [signature(group, numberOf), policy || undefined] as const;
  });
  return inheritNumbers(new Map(wanted), numbers.policies);
}

export interface Addresses {
  /** Classes of addresses that are in a set of peers, by its number. */
  classesOf: ReadonlyMap<number, readonly number[]>;
  /** Identity by class. */
  identityOf: readonly number[];
  /** Rule number by order. */
  numberOf: readonly number[];
  /** Is told how many assignments there are so far, to end what gets too large. */
  assigned: (count: number) => void;
}

/** Gives each group a base row, and rows of their own to the addresses that its rules name. */
export function makePolicies(
  groups: readonly Group[],
  numbers: ReadonlyMap<string, number>,
  pods: readonly AclPod[],
  book: RowBook,
  { classesOf, identityOf, numberOf, assigned }: Addresses,
) {
  const found = {
    pods: new Map<string, Record<Direction, PodPolicy>>(),
    policies: new Map<number, Policy>(),
    assignments: new Map<number, Map<number, number>>(),
  };
  const unruled = (direction: Direction): PodPolicy => ({
    policy: 0,
    base: book.unruled(direction),
  });
  for (const { id } of pods) found.pods.set(id, { ingress: unruled('ingress'), egress: unruled('egress') });

  let count = 0;
  for (const group of groups) {
    const { direction, rules } = group;
    const policy = numbers.get(signature(group, numberOf))!;
    const forAnyone = rules.filter(({ peers }) => peers === 0).map(({ order }) => order);
    const base = book.base(direction, forAnyone);
    /** By class, the rules that name it. */
    const listOf = new Uint32Array(identityOf.length);
    for (const { order, peers } of rules)
      for (const each of (peers !== 0 && classesOf.get(peers)) || [])
        listOf[each] = book.lists.append(listOf[each]!, order);
    const rows = new Map<number, number>();
    listOf.forEach((list, each) => {
      const row = list === 0 ? 0 : book.beside(base, list, direction);
      if (row !== 0) rows.set(identityOf[each]!, row);
    });
    count += rows.size;
    assigned(count);
    if (rows.size > 0) found.assignments.set(policy, rows);
    for (const { id } of group.pods) found.pods.get(id)![direction] = { policy, base: base.row };
    found.policies.set(policy, {
      direction,
      rules: rules.map(({ order }) => numberOf[order]!),
      pods: group.pods.map(({ id }) => id),
    });
  }
  return found;
}
