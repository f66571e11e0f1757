import type { Rule } from '../../../contract/acl.ts';
import { none, type Order } from './port-ranges.ts';
import { byProtocol, type JudgedProtocol, judged, judges } from './protocol-ports.ts';

/** Ascending lists of orders as numbers, so that equal ones are found without comparing: 0 is the empty one. */
class OrderLists {
  readonly #longer = new Map<number, number>();
  readonly #ends: Order[] = [none];
  readonly #before: number[] = [0];

  append(list: number, order: Order): number {
    const key = list * 16_384 + order;
    const known = this.#longer.get(key);
    if (known !== undefined) return known;
    this.#before.push(list);
    const longer = this.#ends.push(order) - 1;
    this.#longer.set(key, longer);
    return longer;
  }

  orders(list: number): Order[] {
    const orders: Order[] = [];
    for (let at = list; at !== 0; at = this.#before[at]!) orders.push(this.#ends[at]!);
    return orders.reverse();
  }
}

/** Lists of rules, and of each the parts that judge a protocol: lists that differ elsewhere have the same part. */
export class RuleLists {
  readonly #ruleOf: (order: Order) => Pick<Rule, 'protocol'>;
  readonly #whole = new OrderLists();
  readonly #parts = byProtocol(() => ({ lists: new OrderLists(), of: [0] }));

  constructor(ruleOf: (order: Order) => Pick<Rule, 'protocol'>) {
    this.#ruleOf = ruleOf;
  }

  /** @param list 0: the empty one */
  append(list: number, order: Order): number {
    const longer = this.#whole.append(list, order);
    if (this.#parts.other.of[longer] !== undefined) return longer;
    const rule = this.#ruleOf(order);
    for (const protocol of judged) {
      const { lists, of } = this.#parts[protocol];
      of[longer] = judges(rule, protocol) ? lists.append(of[list]!, order) : of[list]!;
    }
    return longer;
  }

  /** Number of the part; equal parts have the same. */
  part(list: number, protocol: JudgedProtocol): number {
    return this.#parts[protocol].of[list]!;
  }

  /** Of a part. */
  orders(part: number, protocol: JudgedProtocol): Order[] {
    return this.#parts[protocol].lists.orders(part);
  }
}
