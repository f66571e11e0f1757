import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../contract/problem.ts';
import { GatewayAddresses } from './origin-check.ts';
import { SessionCookie } from './session-cookie.ts';
import { type BrowserSession, BrowserSessions } from './sessions.ts';
import { SignInLinks } from './sign-in-links.ts';

const maxTokenLength = 128;

/** Admits or rejects requests; pages, assets, API calls and WebSocket upgrades follow the same rules. */
export class RequestAdmission {
  readonly signInLinks = new SignInLinks();
  readonly sessions = new BrowserSessions();
  readonly #allowHosts: readonly string[];
  #addresses = new GatewayAddresses(0, []);
  #cookie = new SessionCookie(0);

  constructor(allowHosts: readonly string[]) {
    this.#allowHosts = allowHosts;
  }

  /** Sets the gateway's TCP port; must be called before the first request. */
  setPort(port: number): void {
    this.#addresses = new GatewayAddresses(port, this.#allowHosts);
    this.#cookie = new SessionCookie(port);
  }

  /**
   * Checks the Host and Origin headers of a request.
   * @throws ProblemError `foreign_host`, `foreign_origin` or `bad_request`
   */
  checkOrigin(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    if (!this.#addresses.isHost(host))
      throw new ProblemError('foreign_host', `Host ${host ?? '(none)'} is not this gateway`, {
        hint: `Open it as ${this.#addresses.first}, or start the gateway with --allow-host.`,
      });
    if (!this.#addresses.isOrigin(request.method, request.headers))
      throw new ProblemError('foreign_origin', `Origin ${origin ?? '(none)'} is not this gateway`, {
        hint: 'Behind a proxy that speaks TLS, start the gateway with --allow-host https://HOST.',
      });
    if (!request.url?.startsWith('/'))
      throw new ProblemError('bad_request', 'The request target is not a path');
  }

  /** Returns the session that the request's cookie belongs to, or undefined if there is none. */
  session(request: IncomingMessage): BrowserSession | undefined {
    for (const secret of this.#cookie.read(request.headers.cookie)) {
      const session = this.sessions.use(secret);
      if (session !== undefined) return session;
    }
    return undefined;
  }

  /** Returns the Set-Cookie headers that sign the browser of a request out. */
  removeCookies(request: IncomingMessage): string[] {
    return this.#cookie.remove(request.headers.cookie);
  }

  /**
   * Admits a request and returns its session.
   * @throws ProblemError `foreign_host`, `foreign_origin`, `bad_request` or `unauthorized`
   */
  admit(request: IncomingMessage): BrowserSession {
    this.checkOrigin(request);
    const session = this.session(request);
    if (session === undefined)
      throw new ProblemError(
        'unauthorized',
        'Open the dashboard with the sign-in link that Podlane prints when it starts',
        {
          hint: 'Press Enter in the terminal where Podlane runs to print a new link.',
        },
      );
    return session;
  }

  /**
   * Opens a session for a one-time token. A session that the browser has ends.
   * @returns the values of its Set-Cookie headers
   * @throws ProblemError unauthorized, too_many
   */
  redeem(token: string, { headers }: IncomingMessage, before: BrowserSession | undefined): string[] {
    const redeemed = token.length > maxTokenLength ? 'wrong' : this.signInLinks.redeem(token);
    if (redeemed === 'too_many')
      throw new ProblemError('too_many', 'Too many invalid sign-in links were tried', {
        hint: 'Press Enter in the terminal where Podlane runs to print a new link: a right one always works.',
      });
    if (redeemed === 'wrong')
      throw new ProblemError('unauthorized', 'This link was already used, or is older than ten minutes', {
        hint: 'Press Enter in the terminal where Podlane runs to print a new link.',
      });
    if (before !== undefined) this.sessions.end(before.id);
    const secret = this.sessions.open(redeemed.role, redeemed.role, headers['user-agent']);
    return this.#cookie.store(secret, headers.cookie);
  }
}
