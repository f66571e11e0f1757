import type { Event } from '../../contract/event.ts';

/** Rules that were put in force, or taken away (`text` null). The last version holds. */
export interface VersionRecord {
  /** Never given twice. */
  number: number;
  time: Date;
  actor: string;
  comment: string;
  /** The version that was applied again. */
  restored: number | null;
  /** Of the rule set. */
  name: string | null;
  rules: number;
  text: string | null;
}

/** Rules that are tried out, as they are kept. */
export interface DraftRecord {
  text: string;
  /** The version that was active when it was saved. */
  base: number;
  actor: string;
  /** ISO 8601. */
  time: string;
}

interface Page {
  before?: string | undefined;
  limit: number;
}

/** What access rules ask of whoever keeps their books. Each call is durable when it resolves. */
export interface RuleBooks {
  addRuleVersion(version: Omit<VersionRecord, 'number'>): Promise<VersionRecord>;
  /** Takes back one that could not be put in force. */
  removeRuleVersion(number: number): Promise<void>;
  /** @returns null where there were never any */
  lastRuleVersion(): Promise<VersionRecord | null>;
  /** @returns null when there is none of this number */
  ruleVersion(number: number): Promise<VersionRecord | null>;
  listRuleVersions(page: Page): Promise<{ items: Omit<VersionRecord, 'text'>[]; next: string | null }>;
  setting(scope: string, name: string): Promise<unknown>;
  /** `null` takes it back. */
  saveSetting(scope: string, name: string, value: unknown): Promise<void>;
  addEvent(event: Omit<Event, 'id' | 'time'>): Promise<Event>;
}
