import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  AuthenticationV1Api,
  AuthorizationV1Api,
  KubeConfig,
  type V1UserInfo,
} from '@kubernetes/client-node';
import { ProblemError } from '../contract/problem.ts';
import { type Role, sessionRoles } from '../contract/roles.ts';

/** Verb on the resource `nodes` of the group podlane.io that gives each role (SubjectAccessReview). */
const verbs: Record<Role, string> = { viewer: 'get', operator: 'update', admin: 'admin' };
const group = 'podlane.io';
const resource = 'nodes';

/** Time in ms for which a review of a token counts, and one that refused it. */
const reviewedMs = 60_000;
const refusedMs = 10_000;
/** Time in ms for which the last review counts while the API server is away. */
const awayMs = 600_000;
/** Time in ms that the API server may take to answer. */
const timeoutMs = 5000;
/** Most reviews that are remembered, and that run at once. */
const maxKnown = 1000;
const maxRunning = 16;
const maxTokenLength = 8192;
/** Longest name of a caller that the agent takes. */
const maxActor = 128;

/** Who a token belongs to, and what he may do. */
export interface TokenIdentity {
  actor: string;
  role: Role;
}

/** Asks the API server about tokens; the part of its client that is used. */
export interface TokenReviewer {
  /** Returns the user of a token; null if it is not valid. */
  authenticate(token: string): Promise<V1UserInfo | null>;
  /** Returns true if the user may do `verb` on the node. */
  isAllowed(user: V1UserInfo, verb: string): Promise<boolean>;
}

interface KnownReview {
  at: number;
  answer: { identity: TokenIdentity } | { refused: ProblemError };
}

/**
 * Signs in by tokens of Kubernetes: the API server says whose a token is (TokenReview) and what he may do with the node
 * (SubjectAccessReview). Answers count for a minute, so that a right that is withdrawn ends soon.
 */
export class KubernetesSignIn {
  readonly #reviewer: TokenReviewer;
  readonly #now: () => number;
  readonly #known = new Map<string, KnownReview>();
  readonly #running = new Map<string, Promise<TokenIdentity>>();

  /** Creates the sign-in. @param now monotonic clock in ms */
  constructor(reviewer: TokenReviewer, now: () => number = () => performance.now()) {
    this.#reviewer = reviewer;
    this.#now = now;
  }

  /**
   * Returns who a token belongs to.
   * @throws ProblemError `unauthorized`, `forbidden` if he has no role, `kubernetes_unreachable`, `too_many`
   */
  async review(token: string): Promise<TokenIdentity> {
    if (token === '' || token.length > maxTokenLength) throw invalidToken();
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#known.get(key);
    const age = known === undefined ? Number.POSITIVE_INFINITY : this.#now() - known.at;
    if (known !== undefined && age < ('identity' in known.answer ? reviewedMs : refusedMs))
      return resultOf(known);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    if (this.#running.size >= maxRunning)
      throw new ProblemError('too_many', 'Too many tokens are being reviewed', {
        hint: 'Try again in a moment.',
      });
    const reviewing = this.#review(token, key, known, age).finally(() => this.#running.delete(key));
    this.#running.set(key, reviewing);
    return reviewing;
  }

  async #review(
    token: string,
    key: string,
    known: KnownReview | undefined,
    age: number,
  ): Promise<TokenIdentity> {
    try {
      const answer = await withTimeout(this.#ask(token));
      const review = { at: this.#now(), answer };
      this.#known.delete(key);
      this.#known.set(key, review);
      for (const oldest of this.#known.keys()) if (this.#known.size > maxKnown) this.#known.delete(oldest);
      return resultOf(review);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      if (known !== undefined && 'identity' in known.answer && age < awayMs) return known.answer.identity;
      throw new ProblemError(
        'kubernetes_unreachable',
        `The token cannot be reviewed: ${(error as Error).message.slice(0, 300)}`,
        { cause: error, hint: 'Sign in with the link that Podlane prints when it starts.' },
      );
    }
  }

  async #ask(token: string): Promise<KnownReview['answer']> {
    const user = await this.#reviewer.authenticate(token);
    if (user === null) return { refused: invalidToken() };
    const allowed = await Promise.all(
      sessionRoles.map(async (role) => ((await this.#reviewer.isAllowed(user, verbs[role])) ? role : null)),
    );
    const role = allowed.findLast((each) => each !== null);
    const name = (user.username ?? '').replaceAll(/[^\x20-\x7e]/g, '?');
    if (!role)
      return {
        refused: new ProblemError('forbidden', `${name} may do nothing with this node`, {
          hint: `A role gives the verbs ${sessionRoles.map((each) => `${verbs[each]} (${each})`).join(', ')} on ${resource}.${group}.`,
        }),
      };
    return { identity: { actor: `kubernetes:${name}`.slice(0, maxActor), role } };
  }
}

function resultOf({ answer }: KnownReview): TokenIdentity {
  if ('refused' in answer) throw answer.refused;
  return answer.identity;
}

const invalidToken = (): ProblemError =>
  new ProblemError('unauthorized', 'The token is not valid', {
    hint: 'kubectl create token SERVICE-ACCOUNT creates one.',
  });

async function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the API server does not answer')), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Opens a reviewer that asks the API server with the gateway's own credentials.
 * @param source path of a kubeconfig, or `in-cluster`
 * @param node name of the node in rules of authorization; null: those that name none
 * @throws Error if the kubeconfig cannot be read
 */
export function openTokenReviewer(source: string, node: string | null): TokenReviewer {
  const config = new KubeConfig();
  if (source === 'in-cluster') config.loadFromCluster();
  else {
    if (!existsSync(source)) throw new Error(`--kubernetes-sign-in ${source}: there is no such file`);
    config.loadFromFile(source);
  }
  const authentication = config.makeApiClient(AuthenticationV1Api);
  const authorization = config.makeApiClient(AuthorizationV1Api);
  return {
    async authenticate(token) {
      const { status } = await authentication.createTokenReview({ body: { spec: { token } } });
      return status?.authenticated === true ? (status.user ?? null) : null;
    },
    async isAllowed({ username, uid, groups, extra }, verb) {
      const resourceAttributes = { group, resource, verb, ...(node === null ? {} : { name: node }) };
      const { status } = await authorization.createSubjectAccessReview({
        body: {
          spec: {
            resourceAttributes,
            ...(username === undefined ? {} : { user: username }),
            ...(uid === undefined ? {} : { uid }),
            ...(groups === undefined ? {} : { groups }),
            ...(extra === undefined ? {} : { extra }),
          },
        },
      });
      return status?.allowed === true;
    },
  };
}
