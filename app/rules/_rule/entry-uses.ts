import type { RuleEntryUse } from '../../../contract/rules.ts';
import { formatCount } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { rulesText } from '../text.ts';

/**
 * Summarizes the pods, direction and peers of an entry's uses, e.g. `shop.cart ← 10.0.0.0/8, fd00::/8`, without
 * repeating the same pods.
 */
export function formatRuleEntryUses(uses: readonly RuleEntryUse[]): string {
  const byPods = Map.groupBy(uses, ({ direction, pods, podCount }) => {
    const who = listWords(pods.map(formatPodName), podCount);
    return `${who} ${direction === 'ingress' ? '←' : '→'}`;
  });
  return [...byPods].map(([who, same]) => `${who} ${same.map(whom).join(', ')}`).join('; ');
}

const whom = ({ peers, peerCount }: RuleEntryUse): string =>
  peers === null ? rulesText.otherPeers : listWords(peers, peerCount);

const listWords = (shown: readonly string[], all: number): string =>
  all > 2 ? rulesText.firstAndMore(shown[0] ?? '', formatCount(all - 1)) : shown.join(', ');

/** Describes a use of an entry in full: up to 20 pods and peers, and the number of further ones. */
export function formatRuleEntryUseDetails({
  direction,
  pods,
  podCount,
  peers,
  peerCount,
}: RuleEntryUse): string {
  const more = (listed: readonly string[], all: number) =>
    all > listed.length ? rulesText.andMore(formatCount(all - listed.length)) : '';
  const names = pods.map(formatPodName);
  const ends = peers === null ? rulesText.otherAddresses : peers.join(', ') + more(peers, peerCount);
  return rulesText.entryUse(direction, names.join(', '), more(names, podCount), ends);
}
