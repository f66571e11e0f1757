import type { AgentEvent, AgentEventType } from '../../contract/agent-event.ts';

/** Checks that a change is based on the current rules. @throws ProblemError `rules_changed` */
export type RulePrecondition = (operation: string, etag: string | null) => void;

/** Actor, comment and precondition of a change to the access rules. */
export interface RuleChangeMetadata {
  actor: string;
  comment?: string | undefined;
  precondition?: RulePrecondition | undefined;
  /** Aborted when the caller is gone: its text need not be parsed any more. */
  signal?: AbortSignal | undefined;
}

/** Stores and publishes an event; failures are logged and not thrown. */
export type RuleEventPublisher = (
  type: AgentEventType,
  message: string,
  severity?: AgentEvent['severity'],
) => Promise<void>;
