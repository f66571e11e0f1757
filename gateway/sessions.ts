import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../contract/roles.ts';

/** Milliseconds of inactivity after which a session expires; an open stream counts as activity. */
export const sessionIdleTimeoutMs = 12 * 3600_000;

export interface BrowserSession {
  /** Name of the caller in the agent's events and migration journals. */
  actor: string;
  role: Role;
  lastUsed: number;
}

const key = (id: string) => createHash('sha256').update(id).digest('base64');

/** Sessions of signed-in browsers, held in memory: after a restart, users need a new sign-in link. */
export class BrowserSessions {
  readonly #sessions = new Map<string, BrowserSession>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Starts a session. @returns the session id, which is the value of the cookie */
  open(actor: string, role: Role): string {
    for (const [key, session] of this.#sessions) if (!this.isLive(session)) this.#sessions.delete(key);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(key(id), { actor, role, lastUsed: this.#now() });
    return id;
  }

  /** Returns the session with this id and renews its expiry; undefined if the session is unknown or expired. */
  use(id: string | undefined): BrowserSession | undefined {
    const session = id === undefined ? undefined : this.#sessions.get(key(id));
    if (session === undefined || !this.isLive(session)) return undefined;
    session.lastUsed = this.#now();
    return session;
  }

  isLive(session: BrowserSession): boolean {
    return this.#now() - session.lastUsed < sessionIdleTimeoutMs;
  }
}
