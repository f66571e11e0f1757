import type { Direction, RuleSet } from '../../contract/acl.ts';
import { decides, type Label, logs, pass } from './cover.ts';
import type { OrderedRule } from './ordered.ts';
import { none, type Order } from './ports.ts';
import { asBase, type BaseJudges, type Judges, judges, tellEntries } from './row.ts';
import type { RowEntry } from './tables.ts';

/** Rules that hold for everyone, in one direction, as a row. */
export interface Base {
  row: number;
  judges: BaseJudges;
  /** Rows beside it by list of rules; 0: nothing to say beside the base. */
  beside: Map<number, number>;
}

/** Ends what gets too large: is told how many entries all rows have so far. */
export type Added = (entries: number, rows: ReadonlyMap<number, readonly RowEntry[]>) => void;

/** Makes each row once: rows of equal entries are one, the last tables' included. */
export class RowBook {
  /** Those of these tables. */
  readonly rows = new Map<number, readonly RowEntry[]>();
  /** Number by content, of these tables. */
  readonly numbers = new Map<string, number>();
  /** The first number never given. */
  next: number;
  #size = 0;
  readonly #ordered: readonly OrderedRule[];
  readonly #defaults: RuleSet['defaults'];
  readonly #last: ReadonlyMap<string, number>;
  readonly #added: Added;
  readonly #entries: Record<Direction, EntryBook>;
  readonly #bases = new Map<string, Base>();

  /** @param numberOf rule number by order @param last row numbers by content, and the first never given */
  constructor(
    ordered: readonly OrderedRule[],
    numberOf: readonly number[],
    defaults: RuleSet['defaults'],
    last: { rows: ReadonlyMap<string, number>; nextRow: number },
    added: Added,
  ) {
    this.#ordered = ordered;
    this.#defaults = defaults;
    this.#last = last.rows;
    this.next = last.nextRow;
    this.#added = added;
    this.#entries = {
      ingress: new EntryBook(ordered, numberOf, defaults.ingress),
      egress: new EntryBook(ordered, numberOf, defaults.egress),
    };
  }

  /** The row of a pod without rules; 0: all packets pass. */
  unruled(direction: Direction): number {
    return this.#defaults[direction] === 'allow' ? 0 : this.base(direction, []).row;
  }

  /** @param orders of rules for everyone, ascending */
  base(direction: Direction, orders: readonly Order[]): Base {
    const key = `${direction} ${orders.join()}`;
    const known = this.#bases.get(key);
    if (known) return known;
    const own = judges(orders.map((order) => this.#ordered[order]!.claims));
    const base = {
      row: this.#row(own, null, direction),
      judges: asBase(own),
      beside: new Map<number, number>(),
    };
    this.#bases.set(key, base);
    return base;
  }

  /** @param list of rules for some addresses only, as `lists` numbers them */
  beside(base: Base, list: number, lists: OrderLists, direction: Direction): number {
    const known = base.beside.get(list);
    if (known !== undefined) return known;
    const own = judges(lists.orders(list).map((order) => this.#ordered[order]!.claims));
    const row = this.#row(own, base.judges, direction);
    base.beside.set(list, row);
    return row;
  }

  #row(own: Judges, base: BaseJudges | null, direction: Direction): number {
    const entries: RowEntry[] = [];
    let content = '';
    const book = this.#entries[direction];
    tellEntries(own, base, (protocol, port, length, label) => {
      const entry = book.entry(protocol, port, length, label);
      entries.push(entry.entry);
      content += entry.content;
    });
    if (entries.length === 0) return 0;
    const known = this.numbers.get(content);
    if (known !== undefined) return known;
    const row = this.#last.get(content) ?? this.next++;
    this.numbers.set(content, row);
    this.rows.set(row, entries);
    this.#size += entries.length;
    this.#added(this.#size, this.rows);
    return row;
  }
}

const protocolIndex = { 0: 0, 1: 1, 6: 2, 17: 3, 132: 4 } as const;

/** Entries of one direction, each made once: rows have many in common. */
class EntryBook {
  readonly #ordered: readonly OrderedRule[];
  readonly #numberOf: readonly number[];
  readonly #fallback: 'allow' | 'deny';
  /** By label, then by protocol and prefix: small numbers are found sooner than one of 52 bits. */
  readonly #known = new Map<Label, Map<number, { entry: RowEntry; content: string }>>();

  constructor(ordered: readonly OrderedRule[], numberOf: readonly number[], fallback: 'allow' | 'deny') {
    this.#ordered = ordered;
    this.#numberOf = numberOf;
    this.#fallback = fallback;
  }

  /** With what it says in six characters, the same for the same entry in all tables. */
  entry(protocol: RowEntry['protocol'], port: number, length: number, label: Label) {
    let same = this.#known.get(label);
    if (!same) {
      same = new Map();
      this.#known.set(label, same);
    }
    const place = (protocolIndex[protocol] * 32 + length) * 65_536 + port;
    const known = same.get(place);
    if (known) return known;
    const verdict = this.#verdict(label);
    const rule = label === pass ? 0 : this.#number(decides(label));
    const log = label === pass ? 0 : this.#number(logs(label));
    const said = { allow: 0, deny: 1, pass: 2 }[verdict];
    const content = String.fromCharCode(
      ...[(protocol << 8) | (length << 2) | said, port, rule & 0xffff, rule >>> 16, log & 0xffff, log >>> 16],
    );
    const made = { entry: { protocol, port, length, verdict, rule, log }, content };
    same.set(place, made);
    return made;
  }

  #verdict(label: Label): RowEntry['verdict'] {
    if (label === pass) return 'pass';
    const order = decides(label);
    if (order === none) return this.#fallback;
    const { action } = this.#ordered[order]!.rule;
    if (action === 'log') throw new Error('a rule that logs decides nothing');
    return action;
  }

  #number(order: Order): number {
    return order === none ? 0 : this.#numberOf[order]!;
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
