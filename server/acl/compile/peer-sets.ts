import { parseAddress, parseCidr } from '../../../contract/cidr.ts';
import type { RulePeer } from '../../../contract/rule-set.ts';
import { assignOrInheritTableIds, getAssignedTableId } from './id-allocator.ts';
import { type IpBlock, toIpBlock } from './identities.ts';
import type { RuleVariant, VariantContext } from './rule-variants.ts';

/** Numbers of peer sets. Rules with equal lists of peer terms share a peer set. */
export interface PeerSets {
  /** Peer set numbers by the JSON of the peer terms, or the name of the variant that has addresses of its own. */
  byTerms: ReadonlyMap<string, number>;
  /** Peer set numbers by the name of a variant; one for any peer has no peer set. */
  byVariant: ReadonlyMap<string, number>;
}

export const emptyPeerSets: PeerSets = { byTerms: new Map(), byVariant: new Map() };

/** Names a variant: by its rule, and by what tells it apart from the others. */
export const variantName = ({ rule, key }: RuleVariant): string =>
  key === '' ? rule.name : `${rule.name}\n${key}`;

/** Returns the text that stands for the peers of a variant; null for any peer. */
function peersText(variant: RuleVariant): string | null {
  if (variant.addresses !== null) return variantName(variant);
  return variant.rule.peers.length === 0 ? null : JSON.stringify(variant.rule.peers);
}

/** Assigns numbers to peer sets. A changed peer set keeps its number unless another rule still uses the old one. */
export function assignPeerSetIds(variants: readonly RuleVariant[], previous: PeerSets): PeerSets {
  const texts = variants.flatMap((variant) => {
    const text = peersText(variant);
    return text === null ? [] : [[variantName(variant), text] as const];
  });
  const inherited = new Map<string, number | undefined>();
  for (const [name, text] of texts)
    if (!inherited.has(text)) inherited.set(text, previous.byVariant.get(name));
  const byTerms = assignOrInheritTableIds(inherited, previous.byTerms);
  return {
    byTerms,
    byVariant: new Map(texts.map(([name, text]) => [name, getAssignedTableId(byTerms, text)])),
  };
}

/** Returns the IP blocks of each peer set by its number, with selectors resolved to pods and the node. */
export function resolvePeerIpBlocks(
  { byTerms }: PeerSets,
  variants: readonly RuleVariant[],
  { podsOf }: Pick<VariantContext, 'podsOf'>,
  nodeAddresses: readonly string[],
): Map<number, IpBlock[]> {
  const blocks = new Map<number, IpBlock[]>();
  for (const variant of variants) {
    const text = peersText(variant);
    const set = text === null ? undefined : byTerms.get(text);
    if (set === undefined || blocks.has(set)) continue;
    const { addresses, rule } = variant;
    blocks.set(
      set,
      addresses === null
        ? rule.peers.flatMap((peer) => ipBlocksOf(peer, podsOf, nodeAddresses))
        : addresses.map(blockOfAddress),
    );
  }
  return blocks;
}

function ipBlocksOf(
  peer: RulePeer,
  podsOf: VariantContext['podsOf'],
  nodeAddresses: readonly string[],
): IpBlock[] {
  if ('cidr' in peer) return [{ cidr: parseCidr(peer.cidr), except: peer.except.map(parseCidr) }];
  const addresses = 'node' in peer ? nodeAddresses : podsOf(peer).flatMap((pod) => pod.addresses);
  return addresses.map(blockOfAddress);
}

function blockOfAddress(text: string): IpBlock {
  const { family, value } = parseAddress(text.replace(/\/.*/, ''));
  return toIpBlock(family, value);
}
