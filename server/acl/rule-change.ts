import type { Event, EventType } from '../../contract/event.ts';

/** Checks that a change was made from the current state. @throws ProblemError `rules_changed` */
export type RulePrecondition = (operation: string, etag: string | null) => void;

/** Author, reason and precondition of a change of the rules. */
export interface RuleChange {
  actor: string;
  comment?: string | undefined;
  precondition?: RulePrecondition | undefined;
}

/** Stores and publishes an event; a failure is logged. */
export type EventPublisher = (
  type: EventType,
  message: string,
  severity?: Event['severity'],
) => Promise<void>;
