import { parseAddress, parseCidr } from '../../../contract/cidr.ts';
import type { RulePeer, RuleSet } from '../../../contract/rule-set.ts';
import { matchesPodPeer, type SelectablePod } from '../spec/pod-matching.ts';
import { assignOrInheritTableIds, getAssignedTableId } from './id-allocator.ts';
import { type IpBlock, toIpBlock } from './identities.ts';

/** Numbers of peer sets. Rules with equal lists of peer terms share a peer set. */
export interface PeerSets {
  /** Peer set numbers by the JSON of the peer terms. */
  byTerms: ReadonlyMap<string, number>;
  /** Peer set numbers by rule name; a rule for any peer has no peer set. */
  byRule: ReadonlyMap<string, number>;
}

export const emptyPeerSets: PeerSets = { byTerms: new Map(), byRule: new Map() };

/** Assigns numbers to peer sets. A changed peer set keeps its number unless another rule still uses the old one. */
export function assignPeerSetIds({ rules }: RuleSet, previous: PeerSets): PeerSets {
  const terms = rules
    .filter(({ peers }) => peers.length > 0)
    .map(({ name, peers }) => [name, JSON.stringify(peers)] as const);
  const inherited = new Map<string, number | undefined>();
  for (const [name, text] of terms) if (!inherited.has(text)) inherited.set(text, previous.byRule.get(name));
  const byTerms = assignOrInheritTableIds(inherited, previous.byTerms);
  return { byTerms, byRule: new Map(terms.map(([name, text]) => [name, getAssignedTableId(byTerms, text)])) };
}

/** Returns the IP blocks of each peer set by its number, with selectors resolved to the given pods and node. */
export function resolvePeerIpBlocks(
  { byTerms }: PeerSets,
  pods: readonly SelectablePod[],
  nodeAddresses: readonly string[],
): Map<number, IpBlock[]> {
  return new Map(
    [...byTerms].map(([text, set]) => [
      set,
      (JSON.parse(text) as RulePeer[]).flatMap((peer) => ipBlocksOf(peer, pods, nodeAddresses)),
    ]),
  );
}

function ipBlocksOf(
  peer: RulePeer,
  pods: readonly SelectablePod[],
  nodeAddresses: readonly string[],
): IpBlock[] {
  if ('cidr' in peer) return [{ cidr: parseCidr(peer.cidr), except: peer.except.map(parseCidr) }];
  const addresses =
    'node' in peer
      ? nodeAddresses
      : pods.filter((pod) => matchesPodPeer(peer, pod)).flatMap(({ addresses }) => addresses);
  return addresses.map((text) => {
    const { family, value } = parseAddress(text.replace(/\/.*/, ''));
    return toIpBlock(family, value);
  });
}
