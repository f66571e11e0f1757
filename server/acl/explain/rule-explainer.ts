import { formatCidr, formatIpAddress, type IpAddress, parseAddress } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { PortRange, Rule } from '../../../contract/rule-set.ts';
import type { CompiledRules, NumberedRule } from '../compile/compiled-rules.ts';
import { toPortClaims } from '../compile/protocol-ports.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import { type PolicyPacket, type PolicyVerdict, toRuleProtocol } from '../spec/policy-packet.ts';
import {
  type PolicyLookupResult,
  PolicyTableLookup,
  toEntryProtocol,
} from '../tables/policy-table-lookup.ts';
import type { PolicyTableEntry } from '../tables/policy-tables.ts';
import type { ExplainedFlow } from './explained-flow.ts';

/** Result of evaluating a packet by the access rules of one pod. */
export interface PolicyDecision {
  verdict: PolicyVerdict;
  /** Name of the deciding rule; null for the default action. */
  rule: string | null;
  /** Name of the first `log` rule that is evaluated before the deciding rule. */
  log: string | null;
  /** Names of matching rules that are not evaluated because an earlier rule decides, in evaluation order. */
  shadowed: string[];
}

/** A lookup in one BPF map, formatted as text; `value` is null if there is no such element. */
interface LookupStep {
  table: 'pods' | 'ipcache' | 'policies' | 'rule_entries';
  key: string;
  value: string | null;
}

/** Decision of the access rules of one pod of a flow, with the map lookups. */
export interface PodExplanation extends PolicyDecision {
  /** Id of the pod whose rules decide. */
  pod: string;
  direction: Direction;
  /** Map lookups in the order in which the kernel makes them. */
  lookups: LookupStep[];
}

/** Decisions of the source and the destination pod; a flow without any pod of the tables is allowed. */
interface FlowExplanation {
  verdict: PolicyVerdict;
  egress: PodExplanation | null;
  ingress: PodExplanation | null;
}

/** Explains the decisions of access rules by their compiled tables. */
export class RuleExplainer {
  readonly #compiled: CompiledRules;
  readonly #lookup: PolicyTableLookup;
  /** Pod ids by address. */
  readonly #pods = new Map<string, string>();

  /** Creates an explainer. @param pods pods for which the rules were compiled */
  constructor(compiled: CompiledRules, pods: readonly SelectablePod[]) {
    this.#compiled = compiled;
    this.#lookup = new PolicyTableLookup(compiled.tables);
    for (const { id, addresses } of pods)
      for (const text of addresses)
        this.#pods.set(formatIpAddress(parseAddress(text.replace(/\/.*/, ''))), id);
  }

  flow({ source, destination, protocol, port }: ExplainedFlow): FlowExplanation {
    const explain = (direction: Direction, own: IpAddress, peer: IpAddress): PodExplanation | null => {
      const pod = this.#pods.get(formatIpAddress(own));
      return pod === undefined ? null : this.packet({ pod, direction, peer, protocol, port });
    };
    const egress = explain('egress', source, destination);
    // A packet that is dropped at egress does not reach the receiver.
    const ingress = egress?.verdict === 'deny' ? null : explain('ingress', destination, source);
    return { verdict: ingress?.verdict ?? egress?.verdict ?? 'allow', egress, ingress };
  }

  /** Explains the decision of one pod's rules on a packet. @throws RangeError if the pod is not in the tables */
  packet(packet: PolicyPacket): PodExplanation {
    const { rules, ruleSet, policies, identities } = this.#compiled;
    const found = this.#lookup.find(packet);
    const { decidingEntry } = found;
    const nameOf = (number: number): string | null => rules.get(number)?.rule.name ?? null;
    const sets = identities.get(found.identity) ?? [];
    const numbers = policies.get(found.policy.policy)?.rules ?? [];
    const decided = decidingEntry ? numbers.indexOf(decidingEntry.rule) : -1;
    const later = decided < 0 ? [] : numbers.slice(decided + 1);
    const verdict = decidingEntry?.verdict ?? ruleSet.defaults[packet.direction];
    return {
      pod: packet.pod,
      direction: packet.direction,
      verdict: verdict === 'deny' ? 'deny' : 'allow',
      rule: nameOf(decidingEntry?.rule ?? 0),
      log: nameOf(decidingEntry?.log ?? 0),
      shadowed: later
        .flatMap((number) => rules.get(number) ?? [])
        .filter((numbered) => matchesPacket(numbered, packet, sets))
        .map(({ rule }) => rule.name),
      lookups: lookupSteps(packet, found),
    };
  }
}

/** Returns true if a rule of the packet's pod matches it. @param sets peer sets that the packet's peer is in */
const matchesPacket = (
  { rule, variants }: NumberedRule,
  packet: PolicyPacket,
  sets: readonly number[],
): boolean =>
  variants.some(
    ({ peers, ports, pods }) =>
      (pods?.has(packet.pod) ?? true) &&
      (peers === 0 || sets.includes(peers)) &&
      matchesPort(rule, ports, packet),
  );

function matchesPort(rule: Rule, ports: readonly PortRange[], packet: PolicyPacket): boolean {
  if (rule.protocol === 'any') return true;
  if (rule.protocol !== toRuleProtocol(packet)) return false;
  return toPortClaims(rule, ports, 0).claims.some(({ from, to }) => packet.port >= from && packet.port <= to);
}

function lookupSteps(packet: PolicyPacket, found: PolicyLookupResult): LookupStep[] {
  const { policy, prefix, identity, entryList, ownEntry, defaultEntry } = found;
  const steps: LookupStep[] = [
    {
      table: 'pods',
      key: `pod ${packet.pod}, ${packet.direction}`,
      value:
        policy.defaultEntries === 0
          ? null
          : `policy ${policy.policy}, default entries ${policy.defaultEntries}`,
    },
  ];
  if (policy.defaultEntries === 0) return steps;
  steps.push({
    table: 'ipcache',
    key: prefix ? formatCidr(prefix) : formatIpAddress(packet.peer),
    value: prefix ? `identity ${identity}` : null,
  });
  steps.push({
    table: 'policies',
    key: `policy ${policy.policy}, identity ${identity}`,
    value: entryList === 0 ? null : `entries ${entryList}`,
  });
  const lookUp = (list: number, entry: PolicyTableEntry | null): void => {
    steps.push({
      table: 'rule_entries',
      key: entryKeyText(list, entry, packet),
      value: entry && entryText(entry),
    });
  };
  if (entryList !== 0) lookUp(entryList, ownEntry);
  if (defaultEntry) lookUp(policy.defaultEntries, defaultEntry);
  return steps;
}

/** Formats the key of the entry that was found, or the lookup key if none was found. */
function entryKeyText(list: number, entry: PolicyTableEntry | null, packet: PolicyPacket): string {
  if (!entry) return `entries ${list}, protocol ${toEntryProtocol(packet)}, port ${packet.port}/16`;
  if (entry.protocol === 0) return `entries ${list}, any protocol`;
  return `entries ${list}, protocol ${entry.protocol}, port ${entry.port}/${entry.length}`;
}

const entryText = ({ verdict, rule, log }: PolicyTableEntry): string =>
  `${verdict}${rule === 0 ? '' : `, rule ${rule}`}${log === 0 ? '' : `, log rule ${log}`}`;
