import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../contract/roles.ts';

/** A session ends when it was not used for this long; an open stream uses it. */
export const sessionIdleMs = 12 * 3600_000;

export interface Session {
  /** Who acts, as the agent writes it down. */
  actor: string;
  role: Role;
  lastUsed: number;
}

const key = (id: string) => createHash('sha256').update(id).digest('base64');

/** Who is signed in. Held in memory: a gateway that starts again asks for a new link. */
export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Opens a session; answers its id, the cookie’s value. */
  open(actor: string, role: Role): string {
    for (const [key, session] of this.#sessions) if (!this.isLive(session)) this.#sessions.delete(key);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(key(id), { actor, role, lastUsed: this.#now() });
    return id;
  }

  /** The live session of this id, now used. */
  use(id: string | undefined): Session | undefined {
    const session = id === undefined ? undefined : this.#sessions.get(key(id));
    if (session === undefined || !this.isLive(session)) return undefined;
    session.lastUsed = this.#now();
    return session;
  }

  isLive(session: Session): boolean {
    return this.#now() - session.lastUsed < sessionIdleMs;
  }
}
