import type { Direction, RuleSet } from '../../contract/acl.ts';
import { decides, logs, pass } from './cover.ts';
import type { OrderedRule } from './ordered.ts';
import { none, type Order } from './ports.ts';
import { type Judges, judges, type LabelledEntry, rowEntries } from './row.ts';
import type { RowEntry } from './tables.ts';

/** Rules that hold for everyone, in one direction, as a row. */
export interface Base {
  row: number;
  judges: Judges;
  /** Names it among the others of this book. */
  index: number;
}

/** Makes each row once: rows of equal entries are one, the last tables' included. */
export class RowBook {
  /** Those of these tables. */
  readonly rows = new Map<number, readonly RowEntry[]>();
  /** Number by content. */
  readonly numbers = new Map<string, number>();
  entries = 0;
  next: number;
  readonly #ordered: readonly OrderedRule[];
  readonly #numberOf: readonly number[];
  readonly #defaults: RuleSet['defaults'];
  readonly #last: ReadonlyMap<string, number>;
  readonly #bases = new Map<string, Base>();
  /** Row by base and list of rules; 0: nothing to say beside the base. */
  readonly #made = new Map<number, number>();
  readonly #added: (entries: number) => void;

  /**
   * @param numberOf rule number by order
   * @param last row numbers by content @param next the first number never given
   * @param added is told how many entries there are so far, to end what gets too large
   */
  constructor(
    ordered: readonly OrderedRule[],
    numberOf: readonly number[],
    defaults: RuleSet['defaults'],
    last: { rows: ReadonlyMap<string, number>; nextRow: number },
    added: (entries: number) => void,
  ) {
    this.#ordered = ordered;
    this.#numberOf = numberOf;
    this.#defaults = defaults;
    this.#last = last.rows;
    this.next = last.nextRow;
    this.#added = added;
  }

  /** @param orders of rules for everyone, ascending */
  base(direction: Direction, orders: readonly Order[]): Base {
    const key = `${direction} ${orders.join()}`;
    const known = this.#bases.get(key);
    if (known) return known;
    const own = judges(orders.map((order) => this.#ordered[order]!.claims));
    const base = {
      row: this.#number(rowEntries(own, null), direction),
      judges: own,
      index: this.#bases.size,
    };
    this.#bases.set(key, base);
    return base;
  }

  /** @param list from `OrderLists`; what it holds are rules for some addresses only */
  beside(base: Base, list: number, lists: OrderLists, direction: Direction): number {
    const key = base.index * 2 ** 32 + list;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const own = judges(lists.orders(list).map((order) => this.#ordered[order]!.claims));
    const entries = rowEntries(own, base.judges);
    const row = entries.length === 0 ? 0 : this.#number(entries, direction);
    this.#made.set(key, row);
    return row;
  }

  #number(labelled: readonly LabelledEntry[], direction: Direction): number {
    const entries = labelled.map((entry) => this.#entry(entry, direction));
    let content = '';
    for (const { protocol, port, length, verdict, rule, log } of entries)
      content += `${protocol} ${port}/${length} ${verdict} ${rule} ${log};`;
    const known = this.numbers.get(content);
    if (known !== undefined) return known;
    const row = this.#last.get(content) ?? this.next++;
    this.numbers.set(content, row);
    this.rows.set(row, entries);
    this.entries += entries.length;
    this.#added(this.entries);
    return row;
  }

  #entry({ protocol, port, length, label }: LabelledEntry, direction: Direction): RowEntry {
    if (label === pass) return { protocol, port, length, verdict: 'pass', rule: 0, log: 0 };
    const order = decides(label);
    const action = order === none ? this.#defaults[direction] : this.#ordered[order]!.rule.action;
    if (action === 'log') throw new Error('a rule that logs decides nothing');
    const number = (order: Order): number => (order === none ? 0 : this.#numberOf[order]!);
    return { protocol, port, length, verdict: action, rule: number(order), log: number(logs(label)) };
  }
}

/** Ascending lists of orders as numbers, so that equal ones are found without comparing: 0 is the empty one. */
export class OrderLists {
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
