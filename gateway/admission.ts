import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../contract/problem.ts';
import { isGatewayHost, isGatewayOrigin, gatewayHosts } from './origin-check.ts';
import { type Session, Sessions } from './sessions.ts';
import { SignInLinks } from './sign-in-links.ts';

const maxTokenLength = 128;

/** Who may come in: the same rules for pages, assets, calls and the WebSocket upgrade. */
export class Admission {
  readonly signIn = new SignInLinks();
  readonly sessions = new Sessions();
  readonly #allowHosts: readonly string[];
  #own: ReadonlySet<string> = new Set();
  #cookie = '';

  constructor(allowHosts: readonly string[]) {
    this.#allowHosts = allowHosts;
  }

  /** To be called when the port is known, before the first request. */
  listening(port: number): void {
    this.#own = gatewayHosts(port, this.#allowHosts);
    // Cookies do not tell ports apart, so two gateways of one machine need two names.
    this.#cookie = `podlane-${port}`;
  }

  /** @throws ProblemError foreign_host, foreign_origin, bad_request */
  checkOrigin(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    if (!isGatewayHost(host, this.#own))
      throw new ProblemError('foreign_host', `Host ${host ?? '(none)'} is not this gateway`, {
        hint: `Open it as ${[...this.#own][0]}, or start the gateway with --allow-host.`,
      });
    if (!isGatewayOrigin(request.method, request.headers, this.#own))
      throw new ProblemError(
        'foreign_origin',
        `Origin ${origin ?? '(not given)'} is not a page of this gateway`,
      );
    if (!request.url?.startsWith('/'))
      throw new ProblemError('bad_request', 'The request target is not a path');
  }

  /** The session whose cookie the request carries. */
  session(request: IncomingMessage): Session | undefined {
    const wanted = `${this.#cookie}=`;
    const pair = request.headers.cookie?.split('; ').find((text) => text.startsWith(wanted));
    return this.sessions.use(pair?.slice(wanted.length));
  }

  /** @throws ProblemError foreign_host, foreign_origin, bad_request, unauthorized */
  admit(request: IncomingMessage): Session {
    this.checkOrigin(request);
    const session = this.session(request);
    if (session === undefined)
      throw new ProblemError(
        'unauthorized',
        'The dashboard opens with the link that Podlane prints when it starts',
        {
          hint: 'Press Enter in the terminal where Podlane runs: it prints a new link.',
        },
      );
    return session;
  }

  /**
   * Exchanges a one-time token for the session’s Set-Cookie value.
   * @throws ProblemError unauthorized, too_many
   */
  redeem(token: string): string {
    const redeemed = token.length > maxTokenLength ? 'wrong' : this.signIn.redeem(token);
    if (redeemed === 'too_many')
      throw new ProblemError('too_many', 'Too many links that do not work were tried', {
        hint: 'Wait a minute, then press Enter in the terminal where Podlane runs: it prints a new link.',
      });
    if (redeemed === 'wrong')
      throw new ProblemError('unauthorized', 'This link was used already, or it is older than ten minutes', {
        hint: 'Press Enter in the terminal where Podlane runs: it prints a new link.',
      });
    const id = this.sessions.open(redeemed.role, redeemed.role);
    return `${this.#cookie}=${id}; Path=/; HttpOnly; SameSite=Strict`;
  }
}
