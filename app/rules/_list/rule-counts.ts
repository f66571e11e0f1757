import type { StatisticsReading } from '../../_lib/rule-queries.ts';

export interface RuleCounts {
  pods: number;
  entries: number;
  /** NaN when nobody counts. */
  packets: number;
  /** A second, over the readings kept; NaN before the second. */
  rate: number;
}

/** What each rule decided, by name, of the readings of one generation; '' is what no rule decided. */
export function ruleCounts(readings: readonly StatisticsReading[]): Map<string, RuleCounts> {
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const seconds = (last.at - first.at) / 1000;
  const before = new Map(first.statistics.items.map(({ rule, packets }) => [rule, packets]));
  const rate = (now: number | null, then: number | null | undefined) =>
    seconds === 0 || now === null ? Number.NaN : Math.max(0, now - (then ?? 0)) / seconds;
  const { defaults, items } = last.statistics;
  const counts = new Map<string, RuleCounts>(
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
