import type { Rule } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import { type Address, addressText, cidrText, parseAddress } from '../../../contract/cidr.ts';
import type { Compiled } from '../compile/compiled-rules.ts';
import { type Found, keyProtocol, Lookup } from '../tables/table-lookup.ts';
import { type Packet, protocolOf, type Verdict } from '../spec/policy-packet.ts';
import type { Judgement } from '../../../test/unit/acl/reference-evaluator.ts';
import { ruleClaims } from '../compile/protocol-ports.ts';
import type { AclPod } from '../spec/pod-selector.ts';
import type { RowEntry } from '../tables/policy-tables.ts';

/** The first packet of a connection. */
export interface Flow {
  source: Address;
  destination: Address;
  protocol: number;
  /** Destination port; of ICMP `type << 8 | code`. */
  port: number;
}

/** One look into a table, as text; `value` null: there is no such entry. */
export interface LookedUp {
  table: 'pods' | 'prefixes' | 'assignments' | 'rows';
  key: string;
  value: string | null;
}

/** What one pod's rules say. */
export interface Explanation extends Judgement {
  pod: string;
  direction: Direction;
  /** In the order in which the kernel looks. */
  lookups: LookedUp[];
}

/** Both ends' rules; a flow without a pod of these tables is judged by nobody, and passes. */
export interface FlowExplanation {
  verdict: Verdict;
  egress: Explanation | null;
  ingress: Explanation | null;
}

/** Explains what the tables do, from the tables. @param pods those that were compiled */
export class Explainer {
  readonly #compiled: Compiled;
  readonly #lookup: Lookup;
  readonly #pods = new Map<string, string>();

  constructor(compiled: Compiled, pods: readonly AclPod[]) {
    this.#compiled = compiled;
    this.#lookup = new Lookup(compiled.tables);
    for (const { id, addresses } of pods)
      for (const text of addresses) this.#pods.set(addressText(parseAddress(text.replace(/\/.*/, ''))), id);
  }

  flow({ source, destination, protocol, port }: Flow): FlowExplanation {
    const end = (direction: Direction, own: Address, peer: Address): Explanation | null => {
      const pod = this.#pods.get(addressText(own));
      return pod === undefined ? null : this.packet({ pod, direction, peer, protocol, port });
    };
    const egress = end('egress', source, destination);
    // What may not leave does not arrive.
    const ingress = egress?.verdict === 'deny' ? null : end('ingress', destination, source);
    return { verdict: ingress?.verdict ?? egress?.verdict ?? 'allow', egress, ingress };
  }

  /** @throws RangeError when the tables do not know the pod */
  packet(packet: Packet): Explanation {
    const { rules, ruleSet, policies, identities } = this.#compiled;
    const found = this.#lookup.find(packet);
    const name = (number: number): string | null => (number === 0 ? null : rules.get(number)!.rule.name);
    const sets = identities.get(found.identity) ?? [];
    const own = (policies.get(found.policy.policy)?.rules ?? []).map((number) => ({
      number,
      ...rules.get(number)!,
    }));
    const decided = own.findIndex(({ number }) => number === found.entry?.rule);
    const behind = decided < 0 ? [] : own.slice(decided + 1);
    const verdict = found.entry?.verdict ?? ruleSet.defaults[packet.direction];
    return {
      pod: packet.pod,
      direction: packet.direction,
      verdict: verdict === 'deny' ? 'deny' : 'allow',
      rule: name(found.entry?.rule ?? 0),
      log: name(found.entry?.log ?? 0),
      losers: behind
        .filter(({ peers, rule }) => (peers === 0 || sets.includes(peers)) && means(rule, packet))
        .map(({ rule }) => rule.name),
      lookups: lookupsOf(packet, found),
    };
  }
}

function means(rule: Rule, packet: Packet): boolean {
  if (rule.protocol === 'any') return true;
  if (rule.protocol !== protocolOf(packet)) return false;
  return ruleClaims(rule, 0).claims.some(({ from, to }) => packet.port >= from && packet.port <= to);
}

function lookupsOf(packet: Packet, { policy, prefix, identity, row, own, base }: Found): LookedUp[] {
  const lookups: LookedUp[] = [
    {
      table: 'pods',
      key: `${packet.pod} ${packet.direction}`,
      value: policy.base === 0 ? null : `policy ${policy.policy}, base row ${policy.base}`,
    },
  ];
  if (policy.base === 0) return lookups;
  lookups.push({
    table: 'prefixes',
    key: prefix ? cidrText(prefix) : addressText(packet.peer),
    value: prefix ? `identity ${identity}` : null,
  });
  const assignment = `policy ${policy.policy}, identity ${identity}`;
  lookups.push({ table: 'assignments', key: assignment, value: row === 0 ? null : `row ${row}` });
  const look = (row: number, entry: RowEntry | null): void => {
    lookups.push({ table: 'rows', key: keyText(row, entry, packet), value: entry && entryText(entry) });
  };
  if (row !== 0) look(row, own);
  if (base) look(policy.base, base);
  return lookups;
}

/** Of the entry that was found, else of what was looked for. */
function keyText(row: number, entry: RowEntry | null, packet: Packet): string {
  if (!entry) return `row ${row}, protocol ${keyProtocol(packet)}, port ${packet.port}/16`;
  if (entry.protocol === 0) return `row ${row}, any protocol`;
  return `row ${row}, protocol ${entry.protocol}, port ${entry.port}/${entry.length}`;
}

const entryText = ({ verdict, rule, log }: RowEntry): string =>
  `${verdict}${rule === 0 ? '' : `, rule ${rule}`}${log === 0 ? '' : `, log rule ${log}`}`;
