import type { RuleStatisticsReading } from '../../_lib/rule-queries.ts';

export interface RulePacketCounts {
  pods: number;
  entries: number;
  /** Number of packets that the rule decided; NaN if unknown. */
  packets: number;
  /** Packets per second over the readings; NaN before the second reading. */
  rate: number;
}

/**
 * Computes packet counts by rule name from readings of one generation; the key '' holds packets that the default
 * action decided.
 */
export function computeRuleCounts(readings: readonly RuleStatisticsReading[]): Map<string, RulePacketCounts> {
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const seconds = (last.at - first.at) / 1000;
  const before = new Map(first.statistics.items.map(({ rule, packets }) => [rule, packets]));
  const rate = (now: number | null, then: number | null | undefined) =>
    seconds === 0 || now === null ? Number.NaN : Math.max(0, now - (then ?? 0)) / seconds;
  const { defaults, items } = last.statistics;
  const counts = new Map<string, RulePacketCounts>(
    items.map(({ rule, pods, entries, packets }) => [
      rule,
      { pods, entries, packets: packets ?? Number.NaN, rate: rate(packets, before.get(rule)) },
    ]),
  );
  return counts.set('', {
    pods: Number.NaN,
    entries: defaults.entries,
    packets: defaults.packets ?? Number.NaN,
    rate: rate(defaults.packets, first.statistics.defaults.packets),
  });
}
