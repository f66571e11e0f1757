import type { Direction } from '../../../contract/direction.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { PolicyTableEntry } from '../tables/policy-tables.ts';
import type { AssignedRuleTableIds } from './compiled-rules.ts';
import type { OrderedRule } from './evaluation-order.ts';
import { type EntryListPart, PolicyEntryFactory } from './policy-entry-factory.ts';
import {
  type DefaultEntriesTree,
  defaultEntriesLabel,
  getAnyProtocolLabel,
  type PortLabel,
  PortPrefixSplitter,
} from './port-prefixes.ts';
import type { PortRuns, RuleOrder } from './port-ranges.ts';
import {
  buildDefaultEntriesTrees,
  buildProtocolPortRuns,
  type DefaultEntriesTreesByProtocol,
  mapProtocolGroups,
  type PortMatchedProtocol,
  type ProtocolGroup,
  portProtocols,
  type RulePortClaims,
} from './protocol-ports.ts';
import { RuleListInterner } from './rule-list-interner.ts';

/** Default entries of a direction (from rules for any peer) and the lists for specific peers that fall back to them. */
interface DefaultEntries {
  /** Number of the entry list that contains the default entries. */
  list: number;
  trees: DefaultEntriesTreesByProtocol;
  /** Entry list numbers for specific peers, by rule list; 0 if the default entries decide the same. */
  specific: Map<number, number>;
  /**
   * Parts of entry lists for each protocol, by the part of the rule list and the label of the entry for any protocol.
   */
  parts: Record<ProtocolGroup, Map<number, EntryListPart>>;
}

/** Callback that receives the number of entries in all lists so far, and throws if it exceeds the limit. */
type CheckSize = (size: number, entryLists: ReadonlyMap<number, readonly PolicyTableEntry[]>) => void;

/** Builds entry lists. Equal lists are shared, also with the previous tables. */
export class RuleEntryListBuilder {
  /** Policy table entries by entry list number. */
  readonly entryLists = new Map<number, readonly PolicyTableEntry[]>();
  /** Entry list numbers by the content of the list. */
  readonly ids = new Map<string, number>();
  /** First entry list number that was never used. */
  nextId: number;
  /** Interned lists of the rules that apply to specific peers. */
  readonly ruleLists: RuleListInterner;
  #size = 0;
  readonly #claims: readonly RulePortClaims[];
  readonly #defaults: RuleSet['defaults'];
  readonly #previousIds: ReadonlyMap<string, number>;
  readonly #checkSize: CheckSize;
  readonly #factories: Record<Direction, PolicyEntryFactory>;
  readonly #defaultEntries = new Map<string, DefaultEntries>();
  readonly #knownRuns = mapProtocolGroups(() => new Map<number, PortRuns>());
  readonly #splitter = new PortPrefixSplitter();

  /**
   * Creates a builder for the rules in evaluation order.
   * @param numberOf rule numbers by position in the evaluation order
   */
  constructor(
    ordered: readonly OrderedRule[],
    numberOf: readonly number[],
    defaults: RuleSet['defaults'],
    previous: Pick<AssignedRuleTableIds, 'entryLists' | 'nextEntryList'>,
    checkSize: CheckSize,
  ) {
    this.#claims = ordered.map(({ claims }) => claims);
    this.#defaults = defaults;
    this.#previousIds = previous.entryLists;
    this.nextId = previous.nextEntryList;
    this.#checkSize = checkSize;
    this.ruleLists = new RuleListInterner((order) => this.#claimsAt(order));
    this.#factories = {
      ingress: new PolicyEntryFactory(ordered, numberOf, defaults.ingress),
      egress: new PolicyEntryFactory(ordered, numberOf, defaults.egress),
    };
  }

  /** Returns the entry list number of a pod without rules; 0 if all packets are allowed. */
  withoutRules(direction: Direction): number {
    return this.#defaults[direction] === 'allow' ? 0 : this.defaultEntries(direction, []).list;
  }

  /**
   * Returns the default entries of pods with the given rules.
   * @param orders ascending evaluation orders of the rules for any peer
   */
  defaultEntries(direction: Direction, orders: readonly RuleOrder[]): DefaultEntries {
    const key = `${direction} ${orders.join()}`;
    const known = this.#defaultEntries.get(key);
    if (known) return known;
    const claims = orders.map((order) => this.#claimsAt(order));
    const runs = mapProtocolGroups((protocol) => buildProtocolPortRuns(claims, protocol));
    const factory = this.#factories[direction];
    const label = getAnyProtocolLabel(this.#splitter.split(runs.other, null));
    const parts = portProtocols.map((protocol) => this.#part(factory, protocol, runs[protocol], null, label));
    const created = {
      list: this.#addList([factory.whole(label), ...parts]),
      trees: buildDefaultEntriesTrees(runs),
      specific: new Map<number, number>(),
      parts: mapProtocolGroups(() => new Map<number, EntryListPart>()),
    };
    this.#defaultEntries.set(key, created);
    return created;
  }

  /**
   * Returns the entry list number for peers that more rules apply to; 0 if the default entries decide the same.
   * @param ruleList number of the interned rule list
   */
  specificEntries(defaults: DefaultEntries, ruleList: number, direction: Direction): number {
    const known = defaults.specific.get(ruleList);
    if (known !== undefined) return known;
    const factory = this.#factories[direction];
    const label = getAnyProtocolLabel(
      this.#splitter.split(this.#runs('other', ruleList), defaults.trees.other),
    );
    const parts = portProtocols.map((protocol) => {
      const parts = defaults.parts[protocol];
      const key = this.ruleLists.part(ruleList, protocol) * 2 ** 28 + label;
      let found = parts.get(key);
      if (!found) {
        const runs = this.#runs(protocol, ruleList);
        found = this.#part(factory, protocol, runs, defaults.trees[protocol], label);
        parts.set(key, found);
      }
      return found;
    });
    if (label !== defaultEntriesLabel) parts.unshift(factory.whole(label));
    const list = this.#addList(parts);
    defaults.specific.set(ruleList, list);
    return list;
  }

  #part(
    factory: PolicyEntryFactory,
    protocol: PortMatchedProtocol,
    runs: PortRuns,
    defaults: DefaultEntriesTree | null,
    label: PortLabel,
  ): EntryListPart {
    return factory.part(protocol, this.#splitter.split(runs, defaults), label);
  }

  #runs(protocol: ProtocolGroup, ruleList: number): PortRuns {
    const part = this.ruleLists.part(ruleList, protocol);
    const known = this.#knownRuns[protocol].get(part);
    if (known) return known;
    const claims = this.ruleLists.orders(part, protocol).map((order) => this.#claimsAt(order));
    const runs = buildProtocolPortRuns(claims, protocol);
    this.#knownRuns[protocol].set(part, runs);
    return runs;
  }

  #claimsAt(order: RuleOrder): RulePortClaims {
    const claims = this.#claims[order];
    if (!claims) throw new Error(`there is no rule ${order}`);
    return claims;
  }

  #addList(parts: readonly EntryListPart[]): number {
    let content = '';
    for (const part of parts) content += part.content;
    if (content === '') return 0;
    const known = this.ids.get(content);
    if (known !== undefined) return known;
    const list = this.#previousIds.get(content) ?? this.nextId++;
    const entries: PolicyTableEntry[] = [];
    for (const part of parts) for (const entry of part.entries) entries.push(entry);
    this.ids.set(content, list);
    this.entryLists.set(list, entries);
    this.#size += entries.length;
    this.#checkSize(this.#size, this.entryLists);
    return list;
  }
}
