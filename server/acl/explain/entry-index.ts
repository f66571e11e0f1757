import { formatCidr } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { RuleEntry, RuleEntryUse, RuleStatistics, RuleView } from '../../../contract/rules.ts';
import type { CompiledRules, NumberedRule } from '../compile/compiled-rules.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { PolicyTableEntry } from '../tables/policy-tables.ts';

/** Maximum number of uses of an entry list in an API response, and of pods and prefixes in each use. */
const maxUses = 20;
/** Maximum number of entries and prefixes of a rule in an API response. */
const maxOfRule = 100;

/** Filter of policy table entries; a missing field matches all entries. */
export interface RuleEntryFilter {
  /** Name of the rule that decides or logs in the matching entries. */
  rule?: string | undefined;
  /** Id of a pod whose packets the matching entries evaluate. */
  pod?: string | undefined;
}

/** A policy table entry for the API, without its packet count. */
export type IndexedRuleEntry = Omit<RuleEntry, 'packets'> &
  Pick<PolicyTableEntry, 'port'> & { key: PolicyTableEntry['protocol'] };

const protocolNames = { 0: 'any', 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' } as const;

interface EntryListUse {
  direction: Direction;
  pods: readonly string[];
  /** Identity of the peers; null for the default entries of the pods. */
  identity: number | null;
}

/** Index of compiled entries by rule and pod, with the rules, pods and peers of each entry. */
export class RuleEntryIndex {
  readonly #compiled: CompiledRules;
  readonly #pods: ReadonlyMap<string, SelectablePod>;
  #uses: Map<number, EntryListUse[]> | null = null;
  #prefixes: Map<number, string[]> | null = null;

  /** Creates an index. @param pods pods for which the rules were compiled */
  constructor(compiled: CompiledRules, pods: readonly SelectablePod[]) {
    this.#compiled = compiled;
    this.#pods = new Map(pods.map((pod) => [pod.id, pod]));
  }

  /** Returns up to `limit` matching entries, starting at number `from`; `next` is null on the last page. */
  page(filter: RuleEntryFilter, from: number, limit: number) {
    const items: IndexedRuleEntry[] = [];
    let at = 0;
    for (const [list, entry] of this.#matching(filter)) {
      if (at >= from && items.length < limit) items.push(this.#indexed(list, entry));
      at += 1;
    }
    return { items, total: at, next: from + items.length < at ? from + items.length : null };
  }

  /** Returns the number of entries and pods of each rule. */
  statistics(): {
    items: (Omit<RuleStatistics['items'][number], 'packets'> & { number: number })[];
    defaults: number;
  } {
    const { tables, rules } = this.#compiled;
    const entries = new Map<number, number>();
    const count = (rule: number) => entries.set(rule, (entries.get(rule) ?? 0) + 1);
    for (const list of tables.entryLists.values())
      for (const { verdict, rule, log } of list) {
        if (verdict !== 'default') count(rule);
        if (log !== 0) count(log);
      }
    const items = [...rules]
      .map(([number, { rule, index }]) => ({
        number,
        rule: rule.name,
        index,
        entries: entries.get(number) ?? 0,
        pods: this.#podsOf(number).size,
      }))
      .sort((a, b) => a.index - b.index);
    return { items, defaults: entries.get(0) ?? 0 };
  }

  /** Returns a rule with its pods, peers and entries; null if no rule has this name. */
  rule(
    name: string,
  ):
    | (Omit<RuleView, 'set' | 'source' | 'line' | 'entries' | 'packets'> & { entries: IndexedRuleEntry[] })
    | null {
    const numbered = this.#numbered(name);
    if (!numbered) return null;
    const [number, { rule, index, variants }] = numbered;
    const { items, total } = this.page({ rule: name }, 0, maxOfRule);
    const sets = new Set(variants.map(({ peers }) => peers));
    const prefixes = sets.has(0) ? [] : this.#prefixesOfSets(sets);
    return {
      rule,
      index,
      number,
      pods: [...this.#podsOf(number)].map((id) => this.#name(id)),
      peers: prefixes.slice(0, maxOfRule),
      peerCount: prefixes.length,
      entries: items,
      entryCount: total,
      warning: this.#compiled.warnings.find((warning) => warning.index === index)?.message ?? null,
    };
  }

  *#matching({ rule, pod }: RuleEntryFilter): Generator<[list: number, PolicyTableEntry]> {
    const number = rule === undefined ? null : (this.#numbered(rule)?.[0] ?? -1);
    const lists = pod === undefined ? null : this.#listsOf(pod);
    for (const [list, entries] of this.#compiled.tables.entryLists) {
      if (lists && !lists.has(list)) continue;
      for (const entry of entries)
        if (number === null || entry.rule === number || entry.log === number) yield [list, entry];
    }
  }

  #numbered(name: string): [number, NumberedRule] | undefined {
    const number = this.#compiled.ids.rules.get(name);
    if (number === undefined) return undefined;
    const numbered = this.#compiled.rules.get(number);
    return numbered && [number, numbered];
  }

  #podsOf(rule: number): Set<string> {
    const pods = new Set<string>();
    for (const policy of this.#compiled.policies.values())
      if (policy.rules.includes(rule)) for (const pod of policy.pods) pods.add(pod);
    return pods;
  }

  #listsOf(pod: string): Set<number> {
    const { tables } = this.#compiled;
    const lists = new Set<number>();
    for (const { policy, defaultEntries } of Object.values(tables.pods.get(pod) ?? {})) {
      lists.add(defaultEntries);
      for (const list of tables.policyMap.get(policy)?.values() ?? []) lists.add(list);
    }
    return lists;
  }

  #indexed(list: number, { protocol, port, length, verdict, rule, log }: PolicyTableEntry): IndexedRuleEntry {
    const ruleName = (number: number) => this.#compiled.rules.get(number)?.rule.name ?? null;
    const uses = this.#usesOf(list);
    return {
      entryList: list,
      protocol: protocolNames[protocol],
      key: protocol,
      port,
      length,
      verdict,
      from: port,
      to: port | (0xffff >> length),
      rule: ruleName(rule),
      log: ruleName(log),
      uses: uses.slice(0, maxUses).map((use) => this.#use(use)),
    };
  }

  #use({ direction, pods, identity }: EntryListUse): RuleEntryUse {
    const prefixes = identity === null ? null : (this.#byIdentity().get(identity) ?? []);
    return {
      direction,
      pods: pods.slice(0, maxUses).map((id) => this.#name(id)),
      podCount: pods.length,
      peers: prefixes?.slice(0, maxUses) ?? null,
      peerCount: prefixes?.length ?? 0,
    };
  }

  #usesOf(list: number): EntryListUse[] {
    if (!this.#uses) {
      const { tables, policies } = this.#compiled;
      const uses = new Map<number, EntryListUse[]>();
      const add = (list: number, use: EntryListUse) => {
        const known = uses.get(list);
        if (known) known.push(use);
        else uses.set(list, [use]);
      };
      for (const { direction, pods } of policies.values()) {
        // All pods of a policy have the same default entries.
        const [first = ''] = pods;
        const own = tables.pods.get(first);
        if (own) add(own[direction].defaultEntries, { direction, pods, identity: null });
      }
      for (const direction of ['ingress', 'egress'] as const) {
        const withoutRules = [...tables.pods].filter(([, policies]) => policies[direction].policy === 0);
        const [first] = withoutRules;
        if (!first) continue;
        const pods = withoutRules.map(([id]) => id);
        add(first[1][direction].defaultEntries, { direction, pods, identity: null });
      }
      for (const [policy, lists] of tables.policyMap) {
        const known = policies.get(policy);
        if (!known) continue;
        const { direction, pods } = known;
        for (const [identity, list] of lists) add(list, { direction, pods, identity });
      }
      this.#uses = uses;
    }
    return this.#uses.get(list) ?? [];
  }

  /** Returns the ipcache prefixes of each identity, IPv4 first. */
  #byIdentity(): Map<number, string[]> {
    if (!this.#prefixes) {
      this.#prefixes = new Map();
      const prefixes = [...this.#compiled.tables.ipcache.values()];
      prefixes.sort((a, b) => a.prefix.family - b.prefix.family);
      for (const { prefix, identity } of prefixes)
        this.#prefixes.set(identity, [...(this.#prefixes.get(identity) ?? []), formatCidr(prefix)]);
    }
    return this.#prefixes;
  }

  /** Returns the ipcache prefixes for the addresses in some peer sets. */
  #prefixesOfSets(wanted: ReadonlySet<number>): string[] {
    return [...this.#compiled.identities]
      .filter(([, sets]) => sets.some((set) => wanted.has(set)))
      .flatMap(([identity]) => this.#byIdentity().get(identity) ?? []);
  }

  #name(id: string) {
    const { namespace = '', name = id } = this.#pods.get(id) ?? {};
    return { id, namespace, name };
  }
}
