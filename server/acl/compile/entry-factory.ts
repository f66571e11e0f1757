import { ipProtocol } from '../spec/policy-packet.ts';
import type { TableEntry } from '../tables/policy-tables.ts';
import type { OrderedRule } from './evaluation-order.ts';
import {
  decidingOrder,
  emitPrefixes,
  loggingOrder,
  type PortLabel,
  type PrefixCover,
  useDefault,
} from './port-prefixes.ts';
import { noRule, type RuleOrder } from './port-ranges.ts';
import type { PortProtocol } from './protocol-ports.ts';

/** Dense numbers of the protocols that entries can have. */
export const protocolIndex = { 0: 0, 1: 1, 6: 2, 17: 3, 132: 4 } as const;

/** Consecutive entries of a list; equal `content` means equal entries. */
export interface EntryPart {
  entries: TableEntry[];
  content: string;
}

const emptyPart: EntryPart = { entries: [], content: '' };

/** Creates the entries of one direction, each once: lists have many entries in common. */
export class EntryFactory {
  readonly #ordered: readonly OrderedRule[];
  readonly #numberOf: readonly number[];
  readonly #defaultAction: 'allow' | 'deny';
  /** Entries by label, then by protocol and prefix: a small number is found sooner than one of 52 bits. */
  readonly #known = new Map<PortLabel, Map<number, { entry: TableEntry; content: string }>>();

  constructor(ordered: readonly OrderedRule[], numberOf: readonly number[], defaultAction: 'allow' | 'deny') {
    this.#ordered = ordered;
    this.#numberOf = numberOf;
    this.#defaultAction = defaultAction;
  }

  /** Returns the entry for any protocol and port. */
  whole(label: PortLabel): EntryPart {
    const { entry, content } = this.#entry(0, 0, 0, label);
    return { entries: [entry], content };
  }

  /** Returns the entries of one protocol, shorter prefixes of one port before longer ones. */
  part(protocol: PortProtocol, cover: PrefixCover, inherited: PortLabel): EntryPart {
    if (!cover.low && cover.labels.includes(inherited)) return emptyPart;
    const entries: TableEntry[] = [];
    let content = '';
    emitPrefixes(cover, inherited, (port, length, label) => {
      const entry = this.#entry(ipProtocol[protocol], port, length, label);
      entries.push(entry.entry);
      content += entry.content;
    });
    return { entries, content };
  }

  /** Returns an entry, with its content in six characters that are the same in all tables. */
  #entry(protocol: TableEntry['protocol'], port: number, length: number, label: PortLabel) {
    let byPrefix = this.#known.get(label);
    if (!byPrefix) {
      byPrefix = new Map();
      this.#known.set(label, byPrefix);
    }
    const prefix = (protocolIndex[protocol] * 32 + length) * 65_536 + port;
    const known = byPrefix.get(prefix);
    if (known) return known;
    const verdict = this.#verdict(label);
    const rule = label === useDefault ? 0 : this.#number(decidingOrder(label));
    const log = label === useDefault ? 0 : this.#number(loggingOrder(label));
    const code = { allow: 0, deny: 1, default: 2 }[verdict];
    const content = String.fromCharCode(
      (protocol << 8) | (length << 2) | code,
      port,
      rule & 0xffff,
      rule >>> 16,
      log & 0xffff,
      log >>> 16,
    );
    const created = { entry: { protocol, port, length, verdict, rule, log }, content };
    byPrefix.set(prefix, created);
    return created;
  }

  #verdict(label: PortLabel): TableEntry['verdict'] {
    if (label === useDefault) return 'default';
    const order = decidingOrder(label);
    if (order === noRule) return this.#defaultAction;
    const action = this.#ordered[order]?.rule.action;
    if (action !== 'allow' && action !== 'deny') throw new Error(`rule ${order} cannot decide: ${action}`);
    return action;
  }

  #number(order: RuleOrder): number {
    return order === noRule ? 0 : (this.#numberOf[order] ?? 0);
  }
}
