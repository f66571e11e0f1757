import type { Rule } from '../../../contract/rule-set.ts';
import { noRuleOrder, type RuleOrder } from './port-ranges.ts';
import {
  mapProtocolGroups,
  matchesProtocolGroup,
  type ProtocolGroup,
  protocolGroups,
} from './protocol-ports.ts';

/**
 * Interns ascending lists of evaluation orders as numbers: equal lists have the same number, and 0 is the empty list.
 */
class OrderLists {
  readonly #longer = new Map<number, number>();
  readonly #last: RuleOrder[] = [noRuleOrder];
  readonly #prefix: number[] = [0];

  append(list: number, order: RuleOrder): number {
    const key = list * 16_384 + order;
    const known = this.#longer.get(key);
    if (known !== undefined) return known;
    this.#prefix.push(list);
    const longer = this.#last.push(order) - 1;
    this.#longer.set(key, longer);
    return longer;
  }

  orders(list: number): RuleOrder[] {
    const orders: RuleOrder[] = [];
    for (let at = list; at !== 0; at = this.#prefix[at] ?? 0) orders.push(this.#last[at] ?? noRuleOrder);
    return orders.reverse();
  }
}

/** Interns lists of rules as numbers, as a whole and by protocol, because many lists have equal parts. */
export class RuleListInterner {
  readonly #ruleOf: (order: RuleOrder) => Pick<Rule, 'protocol'>;
  readonly #whole = new OrderLists();
  readonly #parts = mapProtocolGroups(() => ({ lists: new OrderLists(), of: [0] }));

  constructor(ruleOf: (order: RuleOrder) => Pick<Rule, 'protocol'>) {
    this.#ruleOf = ruleOf;
  }

  /** Returns the number of a list with one more rule. @param list number of an interned list; 0 for the empty list */
  append(list: number, order: RuleOrder): number {
    const longer = this.#whole.append(list, order);
    if (this.#parts.other.of[longer] !== undefined) return longer;
    const rule = this.#ruleOf(order);
    for (const protocol of protocolGroups) {
      const { lists, of } = this.#parts[protocol];
      const part = of[list] ?? 0;
      of[longer] = matchesProtocolGroup(rule, protocol) ? lists.append(part, order) : part;
    }
    return longer;
  }

  /** Returns the number of the part of a rule list that applies to a protocol. */
  part(list: number, protocol: ProtocolGroup): number {
    return this.#parts[protocol].of[list] ?? 0;
  }

  /** Returns the evaluation orders of the rules in a part of a rule list, ascending. */
  orders(part: number, protocol: ProtocolGroup): RuleOrder[] {
    return this.#parts[protocol].lists.orders(part);
  }
}
