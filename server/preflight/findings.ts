import type {
  ExplainedReason,
  PreflightCheck,
  PreflightFinding,
  PreflightPod,
} from '../../contract/preflight.ts';
import {
  describeLook,
  type PreflightOutcome,
  type PreflightReason,
  type PreflightSubject,
  preflightOutcomes,
  preflightReasons,
  preflightSubjects,
  worstOutcome,
} from '../../contract/preflight-reasons.ts';

type FindingExtras = Partial<Pick<PreflightFinding, 'subject' | 'remedy' | 'command' | 'item'>>;

/** Creates a finding; its subject is that of the reason unless another is given. */
export const createFinding = (
  reason: PreflightReason,
  outcome: PreflightOutcome,
  detail: string,
  {
    subject = preflightReasons[reason].subject,
    remedy = null,
    command = null,
    item = null,
  }: FindingExtras = {},
): PreflightFinding => ({ subject, reason, outcome, detail, remedy, command, item });

/** Subjects that could not be looked at, each with the reason why. */
export type NotLooked = ReadonlyMap<PreflightSubject, string>;

/**
 * Groups findings by subject. A subject without findings passed only if it was looked at.
 * @param subjects those that were to be looked at, in order
 */
export const toChecks = (
  of: 'node' | 'pod',
  subjects: readonly PreflightSubject[],
  findings: readonly PreflightFinding[],
  notLooked: NotLooked = new Map(),
): PreflightCheck[] =>
  subjects.map((subject) => {
    const why = notLooked.get(subject);
    const own = findings.filter((finding) => finding.subject === subject);
    const all =
      why === undefined ? own : [...own, createFinding('not_looked', 'not_checked', why, { subject })];
    return {
      subject,
      title: preflightSubjects[subject].title,
      looked: describeLook(subject, of),
      state: worstOutcome(all),
      findings: all,
    };
  });

/** Explains each reason once, the worst first and among equals that of most pods. */
export function explainReasons(
  pods: readonly Pick<PreflightPod, 'findings'>[],
  ofNode: readonly PreflightFinding[] = [],
): ExplainedReason[] {
  const reasons = new Map<PreflightReason, ExplainedReason>();
  const add = ({ reason, outcome }: PreflightFinding): ExplainedReason => {
    const { title, remedy, subject, ...more } = preflightReasons[reason];
    const known = reasons.get(reason) ?? {
      reason,
      subject,
      outcome,
      title,
      remedy,
      command: 'command' in more ? more.command : null,
      pods: 0,
      node: false,
    };
    known.outcome = worstOutcome([known, { outcome }]) as PreflightOutcome;
    reasons.set(reason, known);
    return known;
  };
  for (const finding of ofNode) add(finding).node = true;
  for (const { findings } of pods) for (const reason of new Set(findings.map(add))) reason.pods++;
  return [...reasons.values()].sort(
    (a, b) => preflightOutcomes.indexOf(a.outcome) - preflightOutcomes.indexOf(b.outcome) || b.pods - a.pods,
  );
}
