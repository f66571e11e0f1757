import { ipProtocolNumbers } from '../spec/policy-packet.ts';
import type { PolicyTableEntry } from '../tables/policy-tables.ts';
import type { OrderedRule } from './evaluation-order.ts';
import {
  defaultEntriesLabel,
  emitPortPrefixes,
  getDecidingRuleOrder,
  getLoggingRuleOrder,
  type PortLabel,
  type PortPrefixCover,
} from './port-prefixes.ts';
import { noRuleOrder, type RuleOrder } from './port-ranges.ts';
import type { PortMatchedProtocol } from './protocol-ports.ts';

/** Consecutive index of each protocol number that policy table entries can have. */
export const entryProtocolIndex = { 0: 0, 1: 1, 6: 2, 17: 3, 132: 4 } as const;

/** Consecutive entries of an entry list. Parts with equal `content` have equal entries. */
export interface EntryListPart {
  entries: PolicyTableEntry[];
  content: string;
}

const emptyPart: EntryListPart = { entries: [], content: '' };

/** Creates the policy table entries of one direction. Equal entries are shared between lists. */
export class PolicyEntryFactory {
  readonly #ordered: readonly OrderedRule[];
  readonly #numberOf: readonly number[];
  readonly #defaultAction: 'allow' | 'deny';
  /** Cache of entries by label, then by protocol and port prefix; keys below 2^31 keep the maps fast. */
  readonly #known = new Map<PortLabel, Map<number, { entry: PolicyTableEntry; content: string }>>();

  constructor(ordered: readonly OrderedRule[], numberOf: readonly number[], defaultAction: 'allow' | 'deny') {
    this.#ordered = ordered;
    this.#numberOf = numberOf;
    this.#defaultAction = defaultAction;
  }

  /** Returns the part of an entry list with the single entry for any protocol and port. */
  whole(label: PortLabel): EntryListPart {
    const { entry, content } = this.#entry(0, 0, 0, label);
    return { entries: [entry], content };
  }

  /**
   * Returns the part of an entry list with the entries of one protocol; for the same port, shorter prefixes come first.
   */
  part(protocol: PortMatchedProtocol, cover: PortPrefixCover, inherited: PortLabel): EntryListPart {
    if (!cover.low && cover.labels.includes(inherited)) return emptyPart;
    const entries: PolicyTableEntry[] = [];
    let content = '';
    emitPortPrefixes(cover, inherited, (port, length, label) => {
      const entry = this.#entry(ipProtocolNumbers[protocol], port, length, label);
      entries.push(entry.entry);
      content += entry.content;
    });
    return { entries, content };
  }

  /** Returns an entry and its content encoded in six characters; equal entries have the same content in all tables. */
  #entry(protocol: PolicyTableEntry['protocol'], port: number, length: number, label: PortLabel) {
    let byPrefix = this.#known.get(label);
    if (!byPrefix) {
      byPrefix = new Map();
      this.#known.set(label, byPrefix);
    }
    const prefix = (entryProtocolIndex[protocol] * 32 + length) * 65_536 + port;
    const known = byPrefix.get(prefix);
    if (known) return known;
    const verdict = this.#verdict(label);
    const rule = label === defaultEntriesLabel ? 0 : this.#number(getDecidingRuleOrder(label));
    const log = label === defaultEntriesLabel ? 0 : this.#number(getLoggingRuleOrder(label));
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

  #verdict(label: PortLabel): PolicyTableEntry['verdict'] {
    if (label === defaultEntriesLabel) return 'default';
    const order = getDecidingRuleOrder(label);
    if (order === noRuleOrder) return this.#defaultAction;
    const action = this.#ordered[order]?.rule.action;
    if (action !== 'allow' && action !== 'deny') throw new Error(`rule ${order} cannot decide: ${action}`);
    return action;
  }

  #number(order: RuleOrder): number {
    return order === noRuleOrder ? 0 : (this.#numberOf[order] ?? 0);
  }
}
