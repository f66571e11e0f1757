import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../contract/problem.ts';
import { isGatewayHost, isGatewayOrigin, listGatewayHosts } from './origin-check.ts';
import { type BrowserSession, BrowserSessions } from './sessions.ts';
import { SignInLinks } from './sign-in-links.ts';

const maxTokenLength = 128;

/** Admits or rejects requests; pages, assets, API calls and WebSocket upgrades follow the same rules. */
export class RequestAdmission {
  readonly signInLinks = new SignInLinks();
  readonly sessions = new BrowserSessions();
  readonly #allowHosts: readonly string[];
  #hosts: ReadonlySet<string> = new Set();
  #cookie = '';

  constructor(allowHosts: readonly string[]) {
    this.#allowHosts = allowHosts;
  }

  /** Sets the gateway's TCP port; must be called before the first request. */
  setPort(port: number): void {
    this.#hosts = listGatewayHosts(port, this.#allowHosts);
    // Cookies are not separated by port, so two gateways of one machine need different names.
    this.#cookie = `podlane-${port}`;
  }

  /**
   * Checks the Host and Origin headers of a request.
   * @throws ProblemError `foreign_host`, `foreign_origin` or `bad_request`
   */
  checkOrigin(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    if (!isGatewayHost(host, this.#hosts))
      throw new ProblemError('foreign_host', `Host ${host ?? '(none)'} is not this gateway`, {
        hint: `Open it as ${[...this.#hosts][0]}, or start the gateway with --allow-host.`,
      });
    if (!isGatewayOrigin(request.method, request.headers, this.#hosts))
      throw new ProblemError('foreign_origin', `Origin ${origin ?? '(none)'} is not this gateway`);
    if (!request.url?.startsWith('/'))
      throw new ProblemError('bad_request', 'The request target is not a path');
  }

  /** Returns the session that the request's cookie belongs to, or undefined if there is none. */
  session(request: IncomingMessage): BrowserSession | undefined {
    const wanted = `${this.#cookie}=`;
    const pair = request.headers.cookie?.split('; ').find((text) => text.startsWith(wanted));
    return this.sessions.use(pair?.slice(wanted.length));
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
   * Opens a session for a one-time token.
   * @returns the value of its Set-Cookie header
   * @throws ProblemError unauthorized, too_many
   */
  redeem(token: string): string {
    const redeemed = token.length > maxTokenLength ? 'wrong' : this.signInLinks.redeem(token);
    if (redeemed === 'too_many')
      throw new ProblemError('too_many', 'Too many invalid sign-in links were tried', {
        hint: 'Wait a minute, then press Enter in the terminal where Podlane runs to print a new link.',
      });
    if (redeemed === 'wrong')
      throw new ProblemError('unauthorized', 'This link was already used, or is older than ten minutes', {
        hint: 'Press Enter in the terminal where Podlane runs to print a new link.',
      });
    const id = this.sessions.open(redeemed.role, redeemed.role);
    return `${this.#cookie}=${id}; Path=/; HttpOnly; SameSite=Strict`;
  }
}
