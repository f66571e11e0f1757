import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

export const linkLifetimeMs = 10 * 60_000;
const wrongAllowed = 10;
const wrongWindowMs = 60_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest();

export type Redeemed = 'ok' | 'wrong' | 'too_many';

/** The one-time token of the sign-in link. There is one at a time: a new one ends the one before. */
export class SignIn {
  #hash: Buffer | undefined;
  #expires = 0;
  #wrong: number[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A new token: 256 random bits, base64url. */
  issue(): string {
    const token = randomBytes(32).toString('base64url');
    this.#hash = sha256(token);
    this.#expires = this.#now() + linkLifetimeMs;
    return token;
  }

  /** Uses a token up. After ten wrong ones in a minute none is looked at until the minute is over. */
  redeem(token: string): Redeemed {
    const now = this.#now();
    this.#wrong = this.#wrong.filter((time) => time > now - wrongWindowMs);
    if (this.#wrong.length >= wrongAllowed) return 'too_many';
    if (this.#hash !== undefined && now < this.#expires && timingSafeEqual(this.#hash, sha256(token))) {
      this.#hash = undefined;
      return 'ok';
    }
    this.#wrong.push(now);
    return 'wrong';
  }
}
