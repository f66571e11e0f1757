import type { Condition, ConditionReason } from '../../../contract/condition.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import type { Drift } from './drift.ts';

/** Number of repairs of the same drift that follow it at once; then another program probably keeps changing it. */
const immediateRepairs = 3;
/** Pause after these, in milliseconds, which doubles with every further repair. */
const firstPauseMs = 2000;
/** Longest pause, in milliseconds, and that of drift without whose repair the pod has no network or no rules. */
const longestPauseMs = 600_000;
const longestUrgentPauseMs = 30_000;
const urgent: readonly ConditionReason[] = [
  'programs_missing',
  'bpffs_missing',
  'forwarding_off',
  'device_missing',
  'mac_changed',
];
/** Minimum time without a repair, in milliseconds, after which earlier repairs no longer count. */
const forgetMs = 60_000;

/** What drift is found on, a pod or the node. Keys of its conditions are those of the drift. */
export interface DriftSubject {
  /** Name of the subject, for events. */
  name: string;
  /** Keys of the drift for which the subject has a condition. */
  conditions(): string[];
  setCondition(key: string, found: Omit<Condition, 'since'> | null): void;
  publish(severity: 'warning' | 'error', message: string): Promise<void>;
  /** Asks for another run after some milliseconds. */
  runAgain(ms: number): void;
}

/** Number and time of a drift's recent repairs. */
interface RepairHistory {
  count: number;
  at: number;
}

/**
 * Repairs a subject's drift, without end: the first repairs follow the drift at once, later ones after pauses. A repair
 * counts as done when the drift is no longer found; until then, and for drift that Podlane must not repair, the subject
 * has a condition.
 */
export class DriftRepairs {
  readonly #history = new Map<string, RepairHistory>();

  /** Finds and repairs drift once. @param detect reads the kernel; called again after repairs */
  async run(subject: DriftSubject, detect: () => Promise<Drift[]>): Promise<void> {
    const found = await detect();
    for (const key of subject.conditions())
      if (!found.some((drift) => drift.key === key)) subject.setCondition(key, null);
    const repaired: Drift[] = [];
    for (const drift of found) if (await this.#repair(subject, drift)) repaired.push(drift);
    if (repaired.length === 0) return;
    const left = await detect();
    for (const drift of repaired) await this.#conclude(subject, drift, isLeft(drift, found, left));
  }

  /** Repairs one drift if it is due. @returns false if there was no repair, or if it failed */
  async #repair(subject: DriftSubject, drift: Drift): Promise<boolean> {
    const { key, message, repair } = drift;
    if (repair === null) {
      await report(subject, drift, message, 'warning');
      return false;
    }
    const history = this.#recent(drift);
    const pause = pauseMs(drift, history.count);
    const rest = history.at + pause - performance.now();
    if (rest > 0) {
      const conflict = `${message}, again after ${history.count} repairs; Podlane repairs it again after pauses of ${Math.round(pause / 1000)} s`;
      // Only the first pause is worth an event; the condition tells of the others.
      if (history.count > immediateRepairs) subject.setCondition(key, toCondition(drift, conflict));
      else await report(subject, drift, conflict, 'error');
      subject.runAgain(rest);
      return false;
    }
    this.#history.set(key, { count: history.count + 1, at: performance.now() });
    try {
      await repair();
      return true;
    } catch (error) {
      const failed = `${message}; repairing it failed: ${wrapAsProblemError(error).message}`;
      await report(subject, drift, failed, 'error');
      subject.runAgain(Math.max(firstPauseMs, pauseMs(drift, history.count + 1)));
      return false;
    }
  }

  async #conclude(subject: DriftSubject, drift: Drift, left: boolean): Promise<void> {
    const count = this.#history.get(drift.key)?.count ?? 0;
    if (left) {
      await report(subject, drift, `${drift.message}; the repair had no effect`, 'error');
      subject.runAgain(Math.max(firstPauseMs, pauseMs(drift, count)));
      return;
    }
    subject.setCondition(drift.key, null);
    if (count > immediateRepairs) return;
    await subject.publish('warning', `${subject.name}: ${drift.message}; ${drift.repaired ?? 'repaired'}`);
  }

  #recent(drift: Drift): RepairHistory {
    const known = this.#history.get(drift.key);
    if (known && performance.now() - known.at < Math.max(forgetMs, 2 * pauseMs(drift, known.count)))
      return known;
    this.#history.delete(drift.key);
    return { count: 0, at: 0 };
  }
}

/**
 * Computes the pause after `count` repairs of a drift, in milliseconds.
 */
export function pauseMs({ reason }: Pick<Drift, 'reason'>, count: number): number {
  if (count < immediateRepairs) return 0;
  const longest = urgent.includes(reason) ? longestUrgentPauseMs : longestPauseMs;
  return Math.min(longest, firstPauseMs * 2 ** (count - immediateRepairs));
}

/** True if a drift, or a part of it under a key of its own, is found after its repair. */
const isLeft = (drift: Drift, before: readonly Drift[], after: readonly Drift[]): boolean =>
  after.some(
    ({ key, reason }) =>
      key === drift.key || (reason === drift.reason && !before.some((each) => each.key === key)),
  );

const toCondition = ({ reason, remedy }: Drift, message: string): Omit<Condition, 'since'> => ({
  reason,
  message,
  remedy,
});

/** Sets the condition of a drift, and publishes it unless the subject has one for this drift already. */
async function report(
  subject: DriftSubject,
  drift: Drift,
  message: string,
  severity: 'warning' | 'error',
): Promise<void> {
  const known = subject.conditions().includes(drift.key);
  subject.setCondition(drift.key, toCondition(drift, message));
  if (!known) await subject.publish(severity, `${subject.name}: ${message}`);
}
