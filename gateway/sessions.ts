import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../contract/roles.ts';

/** Milliseconds without use after which a session ends. An open stream counts as use. */
export const sessionIdleTimeoutMs = 12 * 3600_000;

export interface BrowserSession {
  /** Name of the caller in the agent's events and journals. */
  actor: string;
  role: Role;
  lastUsed: number;
}

const key = (id: string) => createHash('sha256').update(id).digest('base64');

/** Sessions of signed-in browsers. They are held in memory: after a restart a new sign-in link is required. */
export class BrowserSessions {
  readonly #sessions = new Map<string, BrowserSession>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Opens a session. @returns its id, the value of the cookie */
  open(actor: string, role: Role): string {
    for (const [key, session] of this.#sessions) if (!this.isLive(session)) this.#sessions.delete(key);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(key(id), { actor, role, lastUsed: this.#now() });
    return id;
  }

  /** Returns the live session of this id and extends it. */
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
