import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../contract/roles.ts';
import type { BrowserSessionInfo } from '../contract/session.ts';

/** Milliseconds of inactivity after which a session expires; an open stream counts as activity. */
export const sessionIdleTimeoutMs = 12 * 3600_000;
/** Milliseconds after which a session expires however much it is used. */
export const sessionLifetimeMs = 7 * 24 * 3600_000;
/** Maximum number of sessions; the one that was idle longest makes room for a new one. */
const maxSessions = 1000;
/** Maximum length of the browser's description that is kept. */
const maxBrowserLength = 200;

export interface BrowserSession {
  /** Names the session in lists; not the value of the cookie. */
  id: string;
  /** Name of the caller in the agent's events and migration journals. */
  actor: string;
  role: Role;
  /** Description of the browser as it gives it (User-Agent). */
  browser: string;
  /** Token of Kubernetes that the session was opened with, which is reviewed again while it is used; null for a link. */
  token: string | null;
  /** Monotonic times in ms: a wall clock that goes back lengthens no session and revives none. */
  openedAt: number;
  lastUsed: number;
  /** Aborted when the session ends by signing out or by being revoked. */
  ended: AbortController;
}

const key = (secret: string) => createHash('sha256').update(secret).digest('base64');

/** Sessions of signed-in browsers, held in memory: after a restart, users need a new sign-in link. */
export class BrowserSessions {
  readonly #sessions = new Map<string, BrowserSession>();
  readonly #now: () => number;

  /** Creates the sessions. @param now monotonic clock in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Starts a session.
   * @param token of Kubernetes that it is opened with
   * @returns its secret, which is the value of the cookie
   */
  open(actor: string, role: Role, browser = '', token: string | null = null): string {
    this.#makeRoom();
    const secret = randomBytes(32).toString('base64url');
    const now = this.#now();
    this.#sessions.set(key(secret), {
      id: randomBytes(6).toString('hex'),
      actor,
      role,
      browser: browser.slice(0, maxBrowserLength),
      token,
      openedAt: now,
      lastUsed: now,
      ended: new AbortController(),
    });
    return secret;
  }

  /** Returns the session of a secret and renews its expiry; undefined if it is unknown, expired or ended. */
  use(secret: string | undefined): BrowserSession | undefined {
    const session = secret === undefined ? undefined : this.#sessions.get(key(secret));
    if (session === undefined || !this.isLive(session)) return undefined;
    this.touch(session);
    return session;
  }

  /** Renews the expiry of a session that is in use. */
  touch(session: BrowserSession): void {
    session.lastUsed = this.#now();
  }

  isLive(session: BrowserSession): boolean {
    const now = this.#now();
    return (
      !session.ended.signal.aborted &&
      now - session.lastUsed < sessionIdleTimeoutMs &&
      now - session.openedAt < sessionLifetimeMs
    );
  }

  /** Ends a session at once, with its streams. @returns false if there is no live session of this id */
  end(id: string): boolean {
    for (const [key, session] of this.#sessions) {
      if (session.id !== id) continue;
      const live = this.isLive(session);
      session.ended.abort();
      this.#sessions.delete(key);
      return live;
    }
    return false;
  }

  /** Lists the live sessions, the one used last first. @param own session of the caller */
  list(own: BrowserSession): BrowserSessionInfo[] {
    const now = this.#now();
    const time = (at: number): string => new Date(Date.now() + at - now).toISOString();
    return [...this.#sessions.values()]
      .filter((session) => this.isLive(session))
      .sort((a, b) => b.lastUsed - a.lastUsed)
      .map((session) => ({
        id: session.id,
        actor: session.actor,
        role: session.role,
        browser: session.browser,
        own: session === own,
        openedAt: time(session.openedAt),
        lastUsedAt: time(session.lastUsed),
        expiresAt: time(
          Math.min(session.lastUsed + sessionIdleTimeoutMs, session.openedAt + sessionLifetimeMs),
        ),
      }));
  }

  #makeRoom(): void {
    for (const [key, session] of this.#sessions) if (!this.isLive(session)) this.#sessions.delete(key);
    if (this.#sessions.size < maxSessions) return;
    const [idlest] = [...this.#sessions.values()].sort((a, b) => a.lastUsed - b.lastUsed);
    if (idlest !== undefined) this.end(idlest.id);
  }
}
