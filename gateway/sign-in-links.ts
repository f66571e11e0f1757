import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Role } from '../contract/roles.ts';

export const signInLinkLifetimeMs = 10 * 60_000;
const maxWrongTokens = 10;
const wrongWindowMs = 60_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest();

export type SignInTokenResult = { role: Role } | 'wrong' | 'too_many';

/** One-time tokens of sign-in links. Each role has at most one valid token; a new token replaces the previous one. */
export class SignInLinks {
  readonly #open = new Map<Role, { hash: Buffer; expires: number }>();
  /** Times of the last wrong tokens, at most as many as count. */
  #wrong: number[] = [];
  readonly #now: () => number;

  /** Creates the links. @param now monotonic clock in ms: a wall clock that goes back revives no link */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Issues a one-time token for `role`: 256 random bits in base64url. */
  issue(role: Role): string {
    const token = randomBytes(32).toString('base64url');
    this.#open.set(role, { hash: sha256(token), expires: this.#now() + signInLinkLifetimeMs });
    return token;
  }

  /**
   * Redeems a token. A right one works however many wrong ones were tried: 256 random bits cannot be guessed, and whoever
   * reaches the port could otherwise lock everybody out. From the eleventh wrong one within a minute the answer differs.
   */
  redeem(token: string): SignInTokenResult {
    const now = this.#now();
    const hash = sha256(token);
    for (const [role, open] of this.#open)
      if (now < open.expires && timingSafeEqual(open.hash, hash)) {
        this.#open.delete(role);
        return { role };
      }
    this.#wrong = this.#wrong.filter((time) => time > now - wrongWindowMs);
    if (this.#wrong.length >= maxWrongTokens) return 'too_many';
    this.#wrong.push(now);
    return 'wrong';
  }
}
