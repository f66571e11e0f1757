import type { Direction } from '../../../contract/direction.ts';
import { cidrText } from '../../../contract/cidr.ts';
import type { EntryUse, RuleEntry, RuleStatistics, RuleView } from '../../../contract/rules.ts';
import type { Compiled, NumberedRule } from '../compile/compiled-rules.ts';
import type { AclPod } from '../spec/pod-selector.ts';
import type { RowEntry } from '../tables/policy-tables.ts';

/** The most uses of an entry, pods and prefixes of a use, that are told. */
const most = 20;
/** The most entries and prefixes of one rule. */
const mostOfRule = 100;

/** What of the entries is asked for; all of it where nothing is said. */
export interface EntryFilter {
  /** Name. */
  rule?: string | undefined;
  /** Id. */
  pod?: string | undefined;
}

/** An entry as the compiler knows it: how often it was hit is the kernel's to say. */
export type KnownEntry = Omit<RuleEntry, 'packets'> & Pick<RowEntry, 'port'> & { key: RowEntry['protocol'] };

const protocolNames = { 0: 'any', 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' } as const;

interface Use {
  direction: Direction;
  pods: readonly string[];
  /** null: it is their base row. */
  identity: number | null;
}

/** Leads from entries to rules, pods and addresses, and back. Made once for tables. */
export class EntryIndex {
  readonly #compiled: Compiled;
  readonly #pods: ReadonlyMap<string, AclPod>;
  #uses: Map<number, Use[]> | null = null;
  #prefixes: Map<number, string[]> | null = null;

  /** @param pods those that were compiled */
  constructor(compiled: Compiled, pods: readonly AclPod[]) {
    this.#compiled = compiled;
    this.#pods = new Map(pods.map((pod) => [pod.id, pod]));
  }

  /** Entries row by row, from the `from`-th on; `next` is null at the end. */
  page(filter: EntryFilter, from: number, limit: number) {
    const items: KnownEntry[] = [];
    let at = 0;
    for (const [row, entry] of this.#matching(filter)) {
      if (at >= from && items.length < limit) items.push(this.#known(row, entry));
      at += 1;
    }
    return { items, total: at, next: from + items.length < at ? from + items.length : null };
  }

  /** Entries and pods of each rule. */
  statistics(): {
    items: (Omit<RuleStatistics['items'][number], 'packets'> & { number: number })[];
    defaults: number;
  } {
    const { tables, rules } = this.#compiled;
    const entries = new Map<number, number>();
    const count = (rule: number) => entries.set(rule, (entries.get(rule) ?? 0) + 1);
    for (const row of tables.rows.values())
      for (const { verdict, rule, log } of row) {
        if (verdict !== 'pass') count(rule);
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

  /** @returns null when there is no rule of this name */
  rule(
    name: string,
  ): (Omit<RuleView, 'set' | 'line' | 'entries' | 'packets'> & { entries: KnownEntry[] }) | null {
    const numbered = this.#numbered(name);
    if (!numbered) return null;
    const [number, { rule, index, peers }] = numbered;
    const { items, total } = this.page({ rule: name }, 0, mostOfRule);
    const prefixes = peers === 0 ? [] : this.#prefixesOfSet(peers);
    return {
      rule,
      index,
      number,
      pods: [...this.#podsOf(number)].map((id) => this.#name(id)),
      peers: prefixes.slice(0, mostOfRule),
      peerCount: prefixes.length,
      entries: items,
      entryCount: total,
      warning: this.#compiled.warnings.find((warning) => warning.index === index)?.message ?? null,
    };
  }

  *#matching({ rule, pod }: EntryFilter): Generator<[row: number, RowEntry]> {
    const number = rule === undefined ? null : (this.#numbered(rule)?.[0] ?? -1);
    const rows = pod === undefined ? null : this.#rowsOf(pod);
    for (const [row, entries] of this.#compiled.tables.rows) {
      if (rows && !rows.has(row)) continue;
      for (const entry of entries)
        if (number === null || entry.rule === number || entry.log === number) yield [row, entry];
    }
  }

  #numbered(name: string): [number, NumberedRule] | undefined {
    const number = this.#compiled.numbers.rules.get(name);
    const numbered = number === undefined ? undefined : this.#compiled.rules.get(number);
    return numbered && [number!, numbered];
  }

  #podsOf(rule: number): Set<string> {
    const pods = new Set<string>();
    for (const policy of this.#compiled.policies.values())
      if (policy.rules.includes(rule)) for (const pod of policy.pods) pods.add(pod);
    return pods;
  }

  #rowsOf(pod: string): Set<number> {
    const { tables } = this.#compiled;
    const rows = new Set<number>();
    for (const { policy, base } of Object.values(tables.pods.get(pod) ?? {})) {
      rows.add(base);
      for (const row of tables.assignments.get(policy)?.values() ?? []) rows.add(row);
    }
    return rows;
  }

  #known(row: number, { protocol, port, length, verdict, rule, log }: RowEntry): KnownEntry {
    const name = (number: number) => (number === 0 ? null : this.#compiled.rules.get(number)!.rule.name);
    const uses = this.#usesOf(row);
    return {
      row,
      protocol: protocolNames[protocol],
      key: protocol,
      port,
      length,
      verdict,
      from: port,
      to: port | (0xffff >> length),
      rule: name(rule),
      log: name(log),
      uses: uses.slice(0, most).map((use) => this.#use(use)),
    };
  }

  #use({ direction, pods, identity }: Use): EntryUse {
    const prefixes = identity === null ? null : (this.#byIdentity().get(identity) ?? []);
    return {
      direction,
      pods: pods.slice(0, most).map((id) => this.#name(id)),
      podCount: pods.length,
      peers: prefixes?.slice(0, most) ?? null,
      peerCount: prefixes?.length ?? 0,
    };
  }

  #usesOf(row: number): Use[] {
    if (!this.#uses) {
      const { tables, policies } = this.#compiled;
      const uses = new Map<number, Use[]>();
      const add = (row: number, use: Use) => {
        const known = uses.get(row);
        if (known) known.push(use);
        else uses.set(row, [use]);
      };
      for (const { direction, pods } of policies.values())
        add(tables.pods.get(pods[0]!)![direction].base, { direction, pods, identity: null });
      for (const direction of ['ingress', 'egress'] as const) {
        const unruled = [...tables.pods].filter(([, each]) => each[direction].policy === 0);
        const [first] = unruled;
        if (first)
          add(first[1][direction].base, { direction, pods: unruled.map(([id]) => id), identity: null });
      }
      for (const [policy, rows] of tables.assignments) {
        const { direction, pods } = policies.get(policy)!;
        for (const [identity, row] of rows) add(row, { direction, pods, identity });
      }
      this.#uses = uses;
    }
    return this.#uses.get(row) ?? [];
  }

  #byIdentity(): Map<number, string[]> {
    if (!this.#prefixes) {
      this.#prefixes = new Map();
      const prefixes = [...this.#compiled.tables.prefixes.values()];
      prefixes.sort((a, b) => a.prefix.family - b.prefix.family);
      for (const { prefix, identity } of prefixes)
        this.#prefixes.set(identity, [...(this.#prefixes.get(identity) ?? []), cidrText(prefix)]);
    }
    return this.#prefixes;
  }

  /** Prefixes whose addresses are in the set of peers. */
  #prefixesOfSet(set: number): string[] {
    return [...this.#compiled.identities]
      .filter(([, sets]) => sets.includes(set))
      .flatMap(([identity]) => this.#byIdentity().get(identity) ?? []);
  }

  #name(id: string) {
    const { namespace, name } = this.#pods.get(id)!;
    return { id, namespace, name };
  }
}
