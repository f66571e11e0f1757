import { join } from 'node:path';
import type { Role } from '../contract/roles.ts';
import { startChildProcess, waitUntilReady } from './child-process.ts';
import {
  chooseUnprivilegedUser,
  dropPrivilegesArguments,
  type UnprivilegedUser,
} from './unprivileged-user.ts';

const root = join(import.meta.dirname, '..');

export interface GatewayProcessOptions {
  /** Address of the agent: `unix:/path` or `http://host:port`. */
  agent: string;
  /**
   * Bearer token for an agent on TCP, passed to the gateway through a pipe rather than its arguments or environment.
   */
  agentToken?: string;
  /** TCP port of the gateway; default 7480, and 0 picks a free one. */
  port?: number;
  allowHosts?: string[];
  /** Kubeconfig with which tokens of Kubernetes are reviewed; it has to be readable for the gateway's user. */
  kubernetesSignIn?: string;
  /** Name of the node in the cluster, with `kubernetesSignIn`. */
  nodeName?: string | undefined;
  /** Compiles pages on demand. The gateway then keeps the caller's user, since it writes to `.next`. */
  dev?: boolean;
  /** Folder of the built dashboard; default this installation. */
  dir?: string;
}

/** Sign-in links by role. Each link works once, within ten minutes. */
export type SignInLinksByRole = Record<Role, string>;

export interface GatewayProcess {
  /** Sign-in link for the admin role. */
  link: string;
  links: SignInLinksByRole;
  port: number;
  pid: number;
  /** User that the gateway runs as; null in development, when it keeps the caller's user. */
  user: UnprivilegedUser | null;
  /** Creates new sign-in links and invalidates the previous ones. */
  newLinks(): Promise<SignInLinksByRole>;
  newLink(role?: Role): Promise<string>;
  /** Resolves once the gateway has exited, with a phrase such as `ended with code 1`. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the gateway without capabilities and waits until it serves requests. @throws Error if it exits first */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const { agent, agentToken, port = 7480, allowHosts = [], dev = false, dir = root } = options;
  const { kubernetesSignIn, nodeName } = options;
  const user = dev ? null : chooseUnprivilegedUser(root);
  const messages = Promise.withResolvers<Said>();
  let answerLinks: (links: SignInLinksByRole) => void = () => {};
  const child = startChildProcess({
    name: 'the gateway',
    command: [
      process.execPath,
      // SIGUSR1 would open the inspector, through which any process of the machine could take the sessions.
      '--disable-sigusr1',
      join(root, 'gateway/main.ts'),
      ...['--agent', agent, '--port', String(port), '--dir', dir],
      ...(agentToken === undefined ? [] : ['--agent-token-file', '-']),
      ...allowHosts.flatMap((host) => ['--allow-host', host]),
      ...(kubernetesSignIn === undefined ? [] : ['--kubernetes-sign-in', kubernetesSignIn]),
      ...(nodeName === undefined ? [] : ['--node-name', nodeName]),
      ...(dev ? ['--dev'] : []),
    ],
    privileges: user === null ? [] : dropPrivilegesArguments(user),
    env: {
      PATH: process.env.PATH,
      // Its user has no account, and so no home.
      HOME: '/nonexistent',
      LANG: process.env.LANG,
      TZ: process.env.TZ,
      NODE_ENV: dev ? 'development' : 'production',
      NEXT_TELEMETRY_DISABLED: '1',
    },
    input: agentToken,
    onLine(line) {
      const said = parse(line);
      if (said === undefined) {
        // Next marks with this what is well and needs nobody.
        if (!line.includes('✓')) process.stderr.write(`gateway: ${line}\n`);
        return;
      }
      if (said.ready) messages.resolve(said);
      answerLinks(said.links);
    },
  });
  const { links, port: bound } = await waitUntilReady(child, messages.promise);
  const newLinks = () => {
    const { promise, resolve } = Promise.withResolvers<SignInLinksByRole>();
    answerLinks = resolve;
    process.kill(child.pid, 'SIGUSR2');
    return promise;
  };
  return {
    link: links.admin,
    links,
    port: bound,
    pid: child.pid,
    user,
    newLinks,
    newLink: async (role = 'admin') => (await newLinks())[role],
    ended: child.ended,
    stop: child.stop,
  };
}

interface Said {
  ready?: true;
  port: number;
  links: SignInLinksByRole;
}

/** Parses a message of `gateway/main.ts`; returns undefined for a line printed by Next.js. */
function parse(line: string): Said | undefined {
  try {
    const { link, links, ...said } = JSON.parse(line);
    return typeof link === 'string' ? { ...said, links: { admin: link, ...links } } : undefined;
  } catch {
    return undefined;
  }
}

/** Formats the sign-in links of all roles for a terminal. */
export const formatSignInLinks = ({ admin, operator, viewer }: SignInLinksByRole): string =>
  `\n  admin     ${admin}\n  operator  ${operator}\n  viewer    ${viewer}\n`;
