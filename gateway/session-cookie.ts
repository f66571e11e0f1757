import { randomBytes } from 'node:crypto';

/** Number of cookies of the gateway's name that are looked at in one request. */
const maxCandidates = 16;

/**
 * The cookie of this gateway. Cookies do not know ports, so a page from another port of the same host can set cookies that
 * browsers send here, those with a longer path first. The name is random, new at each start, so that no other page can
 * choose it; the port in it tells cookies of earlier starts, which are removed, from those of other gateways.
 */
export class SessionCookie {
  readonly #prefix: string;
  readonly #name: string;

  constructor(port: number) {
    this.#prefix = `podlane-${port}-`;
    this.#name = this.#prefix + randomBytes(16).toString('hex');
  }

  /**
   * Returns the values of the cookie in a Cookie header, the one with the shortest path, which is ours, first: a page that
   * has learned the name can add others before it.
   */
  read(header: string | undefined): string[] {
    const wanted = `${this.#name}=`;
    return parsePairs(header)
      .filter((pair) => pair.startsWith(wanted))
      .map((pair) => pair.slice(wanted.length))
      .slice(-maxCandidates)
      .reverse();
  }

  /** Returns the Set-Cookie headers that store a session and remove the cookies of earlier starts. */
  store(secret: string, header: string | undefined): string[] {
    return [`${this.#name}=${secret}; ${attributes}`, ...this.#removeEarlier(header)];
  }

  /** Returns the Set-Cookie headers that remove the session of this browser. */
  remove(header: string | undefined): string[] {
    return [`${this.#name}=; Max-Age=0; ${attributes}`, ...this.#removeEarlier(header)];
  }

  #removeEarlier(header: string | undefined): string[] {
    const names = parsePairs(header).map((pair) => pair.slice(0, pair.indexOf('=')));
    const earlier = names.filter(
      (name) => name.startsWith(this.#prefix) && name !== this.#name && /^[\w-]+$/.test(name),
    );
    return [...new Set(earlier)].slice(0, maxCandidates).map((name) => `${name}=; Max-Age=0; ${attributes}`);
  }
}

const attributes = 'Path=/; HttpOnly; SameSite=Strict';

/** Splits a Cookie header into `name=value` (RFC 6265, section 4.2; browsers and proxies differ in blanks). */
const parsePairs = (header: string | undefined): string[] =>
  (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.includes('='));
