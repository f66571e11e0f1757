import type { GuardThresholds } from '../../../contract/guard.ts';
import type { Assessment } from './traffic-monitor.ts';

/** What one way of asking one address has come to. Times are ms. */
export interface ProbeRecord {
  answered: boolean;
  /** In a row. */
  failures: number;
  firstFailure: number | null;
  lastAnswer: number | null;
  /** Of the last answer. */
  tookMs: number | null;
  /** Why the last probe was not answered. */
  why: string | null;
}

/** `ms` until the answer, or why there was none. */
export type ProbeOutcome = { ms: number } | { why: string };

export const neverProbed: ProbeRecord = {
  answered: false,
  failures: 0,
  firstFailure: null,
  lastAnswer: null,
  tookMs: null,
  why: null,
};

export const recordOutcome = (record: ProbeRecord, outcome: ProbeOutcome, now: number): ProbeRecord =>
  'ms' in outcome
    ? { ...neverProbed, answered: true, lastAnswer: now, tookMs: outcome.ms }
    : {
        ...record,
        failures: record.failures + 1,
        firstFailure: record.firstFailure ?? now,
        why: outcome.why,
      };

/** After an act that may have helped; that it ever answered stays known. */
export const resetFailures = (record: ProbeRecord): ProbeRecord => ({
  ...record,
  failures: 0,
  firstFailure: null,
  why: null,
});

/** When to probe again: at once while it fails, so that a verdict is not far. */
export const probeDelayMs = (
  { answered, failures }: ProbeRecord,
  { probeSeconds, probeFailures }: Pick<GuardThresholds, 'probeSeconds' | 'probeFailures'>,
): number => (answered && failures > 0 && failures < probeFailures ? 0 : probeSeconds * 1000);

/** @param what e.g. `ICMP echo to 10.42.0.33` @param sure whether an address that never answered fails as well */
export function assessProbe(
  what: string,
  record: ProbeRecord,
  sure: boolean,
  { probeFailures }: Pick<GuardThresholds, 'probeFailures'>,
  now: number,
): Assessment {
  const { answered, failures, firstFailure, lastAnswer, tookMs, why } = record;
  if (failures === 0)
    return answered
      ? { state: 'well', evidence: `${what} answered in ${(tookMs ?? 0).toFixed(1)} ms`, since: null }
      : { state: 'unknown', evidence: `${what}: not answered yet`, since: null };
  const ago =
    lastAnswer === null ? 'never answered' : `last answered ${Math.round((now - lastAnswer) / 1000)} s ago`;
  const evidence = `${what}: ${failures} in a row without answer (threshold ${probeFailures}), ${ago}; ${why}`;
  if (!answered && !sure)
    return {
      state: 'unknown',
      evidence: `${what} was never answered, so it is not missed; ${why}`,
      since: null,
    };
  return failures >= probeFailures
    ? { state: 'failing', evidence, since: firstFailure }
    : { state: 'well', evidence, since: null };
}
