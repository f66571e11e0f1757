import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../contract/problem.ts';
import type { KubernetesSignIn, TokenIdentity } from './kubernetes-sign-in.ts';
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
  readonly #kubernetes: Pick<KubernetesSignIn, 'review'> | null;
  #addresses = new GatewayAddresses(0, []);
  #cookie = new SessionCookie(0);

  /** Creates the admission. @param kubernetes reviews tokens of Kubernetes; null: none is taken */
  constructor(allowHosts: readonly string[], kubernetes: Pick<KubernetesSignIn, 'review'> | null) {
    this.#allowHosts = allowHosts;
    this.#kubernetes = kubernetes;
  }

  /** True if tokens of Kubernetes sign in. */
  get takesTokens(): boolean {
    return this.#kubernetes !== null;
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
   * Admits a request and returns its session: that of its cookie, or one for its bearer token alone.
   * @throws ProblemError `foreign_host`, `foreign_origin`, `bad_request`, `unauthorized`, and those of reviewing a token
   */
  async admit(request: IncomingMessage): Promise<BrowserSession> {
    this.checkOrigin(request);
    const token = readBearerToken(request);
    if (token !== null && this.#kubernetes !== null)
      return createTokenSession(token, await this.#kubernetes.review(token));
    const session = this.session(request);
    if (session === undefined) throw this.#notSignedIn();
    await this.recheck(session);
    return session;
  }

  /**
   * Has the token that a session was opened with reviewed again, and ends a session whose token is not valid any more.
   * @throws ProblemError those of reviewing a token
   */
  async recheck(session: BrowserSession): Promise<void> {
    if (session.token === null || this.#kubernetes === null) return;
    try {
      const { role } = await this.#kubernetes.review(session.token);
      session.role = role;
    } catch (error) {
      const { code } = error as Partial<ProblemError>;
      if (code === 'unauthorized' || code === 'forbidden') {
        session.ended.abort();
        this.sessions.end(session.id);
      }
      throw error;
    }
  }

  /**
   * Opens a session for a token of Kubernetes. A session that the browser has ends.
   * @returns the values of its Set-Cookie headers
   * @throws ProblemError those of reviewing a token, `not_found` if none is taken
   */
  async signInWithToken(token: string, request: IncomingMessage): Promise<string[]> {
    if (this.#kubernetes === null)
      throw new ProblemError('not_found', 'Tokens of Kubernetes do not sign in here', {
        hint: 'Start the gateway with --kubernetes-sign-in.',
      });
    const { actor, role } = await this.#kubernetes.review(token);
    const before = this.session(request);
    if (before !== undefined) this.sessions.end(before.id);
    const secret = this.sessions.open(actor, role, request.headers['user-agent'], token);
    return this.#cookie.store(secret, request.headers.cookie);
  }

  #notSignedIn(): ProblemError {
    return new ProblemError(
      'unauthorized',
      this.takesTokens
        ? 'Sign in with a token of Kubernetes, or with the link that Podlane prints when it starts'
        : 'Open the dashboard with the sign-in link that Podlane prints when it starts',
      {
        hint: this.takesTokens
          ? 'kubectl create token SERVICE-ACCOUNT creates a token. Programs send it as `Authorization: Bearer TOKEN`.'
          : 'Press Enter in the terminal where Podlane runs to print a new link.',
      },
    );
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

function readBearerToken({ headers: { authorization } }: IncomingMessage): string | null {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null;
}

/** Returns a session that lasts as long as its request or stream: no cookie belongs to it. */
const createTokenSession = (token: string, { actor, role }: TokenIdentity): BrowserSession => ({
  id: '',
  actor,
  role,
  browser: '',
  token,
  openedAt: performance.now(),
  lastUsed: performance.now(),
  ended: new AbortController(),
});
