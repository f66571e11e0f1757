import type { Peer, RuleSet } from '../../../contract/acl.ts';
import { parseAddress, parseCidr } from '../../../contract/cidr.ts';
import { type Range, single } from './identities.ts';
import { inheritNumbers } from './id-allocator.ts';
import { type AclPod, isPeer } from '../spec/pod-selector.ts';

/** Sets of peers: equal lists of terms are one set. */
export interface PeerSets {
  /** Number by the terms' text. */
  byTerms: ReadonlyMap<string, number>;
  /** By a rule's name; of those for anyone there is none. */
  byRule: ReadonlyMap<string, number>;
}

export const noPeerSets: PeerSets = { byTerms: new Map(), byRule: new Map() };

/** A rule whose terms change keeps its set's number, unless other rules share the old terms. */
export function numberPeerSets({ rules }: RuleSet, last: PeerSets): PeerSets {
  const terms = rules
    .filter(({ peers }) => peers.length > 0)
    .map(({ name, peers }) => [name, JSON.stringify(peers)] as const);
  const wanted = new Map<string, number | undefined>();
  for (const [name, text] of terms) if (!wanted.has(text)) wanted.set(text, last.byRule.get(name));
  const byTerms = inheritNumbers(wanted, last.byTerms);
  return { byTerms, byRule: new Map(terms.map(([name, text]) => [name, byTerms.get(text)!])) };
}

/** The addresses of each set, by its number, as far as the pods are known. */
export function peerRanges({ byTerms }: PeerSets, pods: readonly AclPod[]): Map<number, Range[]> {
  return new Map(
    [...byTerms].map(([text, set]) => [
      set,
      (JSON.parse(text) as Peer[]).flatMap((peer) => rangesOf(peer, pods)),
    ]),
  );
}

function rangesOf(peer: Peer, pods: readonly AclPod[]): Range[] {
  if ('cidr' in peer) return [{ cidr: parseCidr(peer.cidr), except: peer.except.map(parseCidr) }];
  return pods
    .filter((pod) => isPeer(peer, pod))
    .flatMap(({ addresses }) => addresses)
    .map((text) => {
      const { family, value } = parseAddress(text.replace(/\/.*/, ''));
      return single(family, value);
    });
}
