import {
  type Cidr,
  cidrContainsAddress,
  type IpAddress,
  parseAddress,
  parseCidr,
} from '../../../contract/cidr.ts';
import type { Rule, RulePeer, RuleSet } from '../../../contract/rule-set.ts';
import type { PolicyDecision } from '../../../server/acl/explain/rule-explainer.ts';
import {
  matchesPodPeer,
  matchesRuleSubject,
  type SelectablePod,
} from '../../../server/acl/spec/pod-matching.ts';
import {
  type PolicyPacket,
  type PolicyVerdict,
  toRuleProtocol,
} from '../../../server/acl/spec/policy-packet.ts';

/**
 * Defines the meaning of a rule set by the simplest evaluation, as the oracle of the compiler's tests.
 * @returns a function that evaluates a packet of one of `pods`
 */
export function referenceEvaluator(
  ruleSet: RuleSet,
  pods: readonly SelectablePod[],
  nodeAddresses: readonly string[] = [],
  others: readonly SelectablePod[] = [],
): (packet: PolicyPacket) => PolicyDecision {
  const all = [...pods, ...others];
  const rules = ruleSet.rules
    .map((rule, index) => ({
      rule,
      index,
      terms: rule.peers.map((peer) => parseTerm(peer, all, nodeAddresses)),
    }))
    .sort((a, b) => a.rule.priority - b.rule.priority || a.index - b.index);
  const byId = new Map(pods.map((pod) => [pod.id, pod]));
  return (packet) => {
    const pod = byId.get(packet.pod);
    if (!pod) throw new RangeError(`no pod ${packet.pod}`);
    const matching = rules
      .filter(({ rule, terms }) => matches(rule, terms, pod, packet, all))
      .map(({ rule }) => rule);
    const decided = matching.findIndex(({ action }) => action !== 'log');
    const evaluated = decided < 0 ? matching : matching.slice(0, decided + 1);
    const rule = matching[decided];
    return {
      verdict: rule ? (rule.action as PolicyVerdict) : ruleSet.defaults[packet.direction],
      rule: rule?.name ?? null,
      log: evaluated.find(({ action }) => action === 'log')?.name ?? null,
      shadowed: matching.slice(evaluated.length).map(({ name }) => name),
    };
  };
}

/** A term of a rule's peers, parsed. */
type Term = { cidr: Cidr; except: Cidr[] } | { addresses: IpAddress[] };

function parseTerm(peer: RulePeer, pods: readonly SelectablePod[], nodeAddresses: readonly string[]): Term {
  if ('node' in peer) return { addresses: nodeAddresses.map(parseAddress) };
  if ('cidr' in peer) return { cidr: parseCidr(peer.cidr), except: peer.except.map(parseCidr) };
  const addresses = pods.filter((pod) => matchesPodPeer(peer, pod)).flatMap((pod) => pod.addresses);
  return { addresses: addresses.map((text) => parseAddress(text.replace(/\/.*/, ''))) };
}

function matches(
  rule: Rule,
  terms: Term[],
  pod: SelectablePod,
  packet: PolicyPacket,
  all: readonly SelectablePod[],
): boolean {
  if (rule.direction !== packet.direction || !matchesRuleSubject(rule.subject, pod)) return false;
  if (terms.length > 0 && !terms.some((term) => containsPeer(term, packet.peer))) return false;
  if (rule.protocol === 'any') return true;
  if (rule.protocol !== toRuleProtocol(packet)) return false;
  if (rule.protocol === 'icmp')
    return (
      rule.icmp.length === 0 ||
      rule.icmp.some(
        ({ type, code }) =>
          type === packet.port >> 8 && (code === undefined || code === (packet.port & 0xff)),
      )
    );
  const receivers =
    rule.direction === 'ingress' ? [pod] : all.filter((each) => hasAddress(each, packet.peer));
  return (
    rule.ports.length === 0 ||
    rule.ports.some((port) =>
      'name' in port
        ? receivers.some(({ ports = [] }) =>
            ports.some(
              (own) => own.name === port.name && own.protocol === rule.protocol && own.port === packet.port,
            ),
          )
        : packet.port >= port.from && packet.port <= (port.to ?? port.from),
    )
  );
}

const hasAddress = ({ addresses }: SelectablePod, { family, value }: IpAddress): boolean =>
  addresses
    .map((text) => parseAddress(text.replace(/\/.*/, '')))
    .some((own) => own.family === family && own.value === value);

function containsPeer(term: Term, peer: IpAddress): boolean {
  if ('addresses' in term)
    return term.addresses.some(({ family, value }) => family === peer.family && value === peer.value);
  return (
    cidrContainsAddress(term.cidr, peer) && !term.except.some((except) => cidrContainsAddress(except, peer))
  );
}
