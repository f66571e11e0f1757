import type { GuardThresholds } from '../../../contract/guard.ts';
import type { EchoOutcome } from '../echo/icmp-socket.ts';
import type { SignalAssessment } from './traffic-monitor.ts';

/** Probe history of one target. Times are in milliseconds. */
export interface ProbeRecord {
  /** True if the target has ever replied to a probe. */
  answered: boolean;
  /** Number of consecutive probes without a reply. */
  failures: number;
  firstFailure: number | null;
  lastAnswer: number | null;
  /** Round-trip time of the last reply, in milliseconds. */
  tookMs: number | null;
  /** Reason why the last probe got no reply, or null if the target replied. */
  why: string | null;
}

export const initialProbeRecord: ProbeRecord = {
  answered: false,
  failures: 0,
  firstFailure: null,
  lastAnswer: null,
  tookMs: null,
  why: null,
};

export const recordProbeOutcome = (record: ProbeRecord, outcome: EchoOutcome, now: number): ProbeRecord =>
  'ms' in outcome
    ? { ...initialProbeRecord, answered: true, lastAnswer: now, tookMs: outcome.ms }
    : {
        ...record,
        failures: record.failures + 1,
        firstFailure: record.firstFailure ?? now,
        why: outcome.why,
      };

/**
 * Resets the failure count of a target after an action of the guard, and remembers that the target has replied
 * before.
 */
export const resetProbeFailures = (record: ProbeRecord): ProbeRecord => ({
  ...record,
  failures: 0,
  firstFailure: null,
  why: null,
});

/**
 * Returns the delay until the next probe in milliseconds: 0 after a first failure, so that a fault is confirmed
 * quickly.
 */
export const probeDelayMs = (
  { answered, failures }: ProbeRecord,
  { probeSeconds, probeFailures }: Pick<GuardThresholds, 'probeSeconds' | 'probeFailures'>,
): number => (answered && failures > 0 && failures < probeFailures ? 0 : probeSeconds * 1000);

/**
 * Assesses a target by its probes.
 * @param what the probe and its target, e.g. `ICMP echo to 10.42.0.33`
 * @param expected true when a target that never answered counts as failing
 */
export function assessProbeRecord(
  what: string,
  record: ProbeRecord,
  expected: boolean,
  { probeFailures }: Pick<GuardThresholds, 'probeFailures'>,
  now: number,
): SignalAssessment {
  const { answered, failures, firstFailure, lastAnswer, tookMs, why } = record;
  if (failures === 0)
    return answered
      ? { state: 'healthy', evidence: `${what} answered in ${(tookMs ?? 0).toFixed(1)} ms`, since: null }
      : { state: 'unknown', evidence: `${what}: not answered yet`, since: null };
  const ago =
    lastAnswer === null ? 'never answered' : `last answered ${Math.round((now - lastAnswer) / 1000)} s ago`;
  const evidence = `${what}: ${failures} in a row without answer (threshold ${probeFailures}), ${ago}; ${why}`;
  if (!answered && !expected)
    return {
      state: 'unknown',
      evidence: `${what} has never been answered, so a missing answer is no failure; ${why}`,
      since: null,
    };
  return failures >= probeFailures
    ? { state: 'failing', evidence, since: firstFailure }
    : { state: 'healthy', evidence, since: null };
}
