import type { Direction } from '../../contract/direction.ts';
import type { PodPacketChecks } from '../../contract/packet-checks.ts';
import type { Verdict } from '../../contract/verdict.ts';

/** Maximum number of sources, and of ethertypes, in the result. */
const shown = 50;

interface LostPackets {
  name: string;
  packets: number;
  lastSeen: string;
  direction: Direction;
}

/**
 * Counts the packets that a pod lost by its packet checks, by source and by ethertype.
 * @param verdicts dropped packets, oldest first
 * @param pod id of the pod
 */
export function countLostByChecks(
  verdicts: Iterable<Verdict>,
  pod: string,
): Pick<PodPacketChecks['lost'], 'sources' | 'ethertypes'> {
  const sources = new Map<string, LostPackets>();
  const ethertypes = new Map<string, LostPackets>();
  for (const verdict of verdicts) {
    if (verdict.pod?.id !== pod) continue;
    if (verdict.reason === 'spoofed_source') add(sources, verdict.source.address, verdict);
    if (verdict.reason === 'unknown_protocol') add(ethertypes, verdict.ethertype, verdict);
  }
  return {
    sources: mostFrequent(sources).map(({ name: address, ...lost }) => ({ address, ...lost })),
    ethertypes: mostFrequent(ethertypes).map(({ name: ethertype, ...lost }) => ({ ethertype, ...lost })),
  };
}

function add(counts: Map<string, LostPackets>, name: string, { direction, time }: Verdict): void {
  const key = `${direction} ${name}`;
  const packets = (counts.get(key)?.packets ?? 0) + 1;
  counts.set(key, { name, packets, lastSeen: time, direction });
}

const mostFrequent = (counts: ReadonlyMap<string, LostPackets>): LostPackets[] =>
  [...counts.values()].sort((a, b) => b.packets - a.packets).slice(0, shown);
