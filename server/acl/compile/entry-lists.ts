import type { RuleSet } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import {
  type BaseTree,
  type Cover,
  decides,
  type Label,
  labelOfAll,
  logs,
  pass,
  Splitter,
  tellPrefixes,
} from './port-prefixes.ts';
import { RuleLists } from './rule-lists.ts';
import type { OrderedRule } from './evaluation-order.ts';
import { ipProtocol } from '../spec/policy-packet.ts';
import { none, type Order, type PortRuns } from './port-ranges.ts';
import {
  asBase,
  type BaseJudges,
  byProtocol,
  type JudgedProtocol,
  judgeRuns,
  type Ported,
  ported,
} from './protocol-ports.ts';
import type { RowEntry } from '../tables/policy-tables.ts';

/** Rules that hold for everyone, in one direction, as a row. */
export interface Base {
  row: number;
  judges: BaseJudges;
  /** Rows beside it by list of rules; 0: nothing to say beside the base. */
  beside: Map<number, number>;
  /** What rows beside it say of a protocol, by part of the list and label for all protocols. */
  said: Record<JudgedProtocol, Map<number, Said>>;
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
  /** Lists of rules for some addresses only. */
  readonly lists: RuleLists;
  readonly #known = byProtocol(() => new Map<number, PortRuns>());
  readonly #splitter = new Splitter();

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
    this.lists = new RuleLists((order) => ordered[order]!.rule);
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
    const claims = orders.map((order) => this.#ordered[order]!.claims);
    const own = byProtocol((protocol) => judgeRuns(claims, protocol));
    const book = this.#entries[direction];
    const label = labelOfAll(this.#splitter.split(own.other, null));
    const parts = ported.map((protocol) => this.#said(book, protocol, own[protocol], null, label));
    const base = {
      row: this.#row([book.whole(label), ...parts]),
      judges: asBase(own),
      beside: new Map<number, number>(),
      said: byProtocol(() => new Map<number, Said>()),
    };
    this.#bases.set(key, base);
    return base;
  }

  /** @param list of `lists` */
  beside(base: Base, list: number, direction: Direction): number {
    const known = base.beside.get(list);
    if (known !== undefined) return known;
    const book = this.#entries[direction];
    const label = labelOfAll(this.#splitter.split(this.#runs('other', list), base.judges.other));
    const parts = ported.map((protocol) => {
      const part = this.lists.part(list, protocol);
      const said = base.said[protocol];
      const key = part * 2 ** 28 + label;
      let found = said.get(key);
      if (!found) {
        found = this.#said(book, protocol, this.#runs(protocol, list), base.judges[protocol], label);
        said.set(key, found);
      }
      return found;
    });
    if (label !== pass) parts.unshift(book.whole(label));
    const row = this.#row(parts);
    base.beside.set(list, row);
    return row;
  }

  #said(book: EntryBook, protocol: Ported, runs: PortRuns, base: BaseTree | null, label: Label): Said {
    return book.said(protocol, this.#splitter.split(runs, base), label);
  }

  #runs(protocol: JudgedProtocol, list: number): PortRuns {
    const part = this.lists.part(list, protocol);
    const known = this.#known[protocol].get(part);
    if (known) return known;
    const runs = judgeRuns(
      this.lists.orders(part, protocol).map((order) => this.#ordered[order]!.claims),
      protocol,
    );
    this.#known[protocol].set(part, runs);
    return runs;
  }

  #row(parts: readonly Said[]): number {
    let content = '';
    for (const part of parts) content += part.content;
    if (content === '') return 0;
    const known = this.numbers.get(content);
    if (known !== undefined) return known;
    const row = this.#last.get(content) ?? this.next++;
    const entries: RowEntry[] = [];
    for (const part of parts) for (const entry of part.entries) entries.push(entry);
    this.numbers.set(content, row);
    this.rows.set(row, entries);
    this.#size += entries.length;
    this.#added(this.#size, this.rows);
    return row;
  }
}

const protocolIndex = { 0: 0, 1: 1, 6: 2, 17: 3, 132: 4 } as const;

/** Some of a row's entries, and what they say as text. */
interface Said {
  entries: RowEntry[];
  content: string;
}

const nothingSaid: Said = { entries: [], content: '' };

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

  /** A row's entry for all protocols and ports. */
  whole(label: Label): Said {
    const { entry, content } = this.#entry(0, 0, 0, label);
    return { entries: [entry], content };
  }

  /** A row's entries of one protocol, shorter prefixes before longer ones of the same port. */
  said(protocol: Ported, cover: Cover, inherited: Label): Said {
    if (!cover.low && cover.labels.includes(inherited)) return nothingSaid;
    const entries: RowEntry[] = [];
    let content = '';
    tellPrefixes(cover, inherited, (port, length, label) => {
      const entry = this.#entry(ipProtocol[protocol], port, length, label);
      entries.push(entry.entry);
      content += entry.content;
    });
    return { entries, content };
  }

  /** With what it says in six characters, the same for the same entry in all tables. */
  #entry(protocol: RowEntry['protocol'], port: number, length: number, label: Label) {
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
