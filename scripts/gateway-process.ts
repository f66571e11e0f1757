import { join } from 'node:path';
import type { Role } from '../contract/roles.ts';
import { startChild, untilReady } from './child.ts';
import { dropPrivileges, type UnprivilegedUser, unprivilegedUser } from './unprivileged.ts';

const root = join(import.meta.dirname, '..');

export interface GatewayOptions {
  /** `unix:/path` or `http://host:port`. */
  agent: string;
  /** The bearer token of an agent on TCP. It travels through a pipe, not through argv or the environment. */
  agentToken?: string;
  /** Default 7480; 0 takes a free one. */
  port?: number;
  allowHosts?: string[];
  /** Compiles pages as they are asked for. It writes to `.next`, so it keeps the caller's user and privileges. */
  dev?: boolean;
  /** The folder that holds the built dashboard; default this installation. */
  dir?: string;
}

/** Sign-in links by role. Each signs in whoever opens it first, within ten minutes. */
export type Links = Record<Role, string>;

export interface GatewayProcess {
  /** An admin's. */
  link: string;
  links: Links;
  port: number;
  pid: number;
  /** The user it runs as; null in development. */
  user: UnprivilegedUser | null;
  /** New links; those before no longer work. */
  newLinks(): Promise<Links>;
  newLink(role?: Role): Promise<string>;
  /** Resolves when the process ended, in words. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the gateway without any capability and waits until it serves. @throws Error when it ends before that */
export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const { agent, agentToken, port = 7480, allowHosts = [], dev = false, dir = root } = options;
  const user = dev ? null : unprivilegedUser(root);
  const messages = Promise.withResolvers<Said>();
  let answerLinks: (links: Links) => void = () => {};
  const child = startChild({
    name: 'the gateway',
    command: [
      process.execPath,
      join(root, 'gateway/main.ts'),
      ...['--agent', agent, '--port', String(port), '--dir', dir],
      ...(agentToken === undefined ? [] : ['--agent-token-file', '-']),
      ...allowHosts.flatMap((host) => ['--allow-host', host]),
      ...(dev ? ['--dev'] : []),
    ],
    privileges: user === null ? [] : dropPrivileges(user),
    env: {
      PATH: process.env.PATH,
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
  const { links, port: bound } = await untilReady(child, messages.promise);
  const newLinks = () => {
    const { promise, resolve } = Promise.withResolvers<Links>();
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
  links: Links;
}

/** A message of `gateway/main.ts`; undefined for what Next prints. */
function parse(line: string): Said | undefined {
  try {
    const { link, links, ...said } = JSON.parse(line);
    return typeof link === 'string' ? { ...said, links: { admin: link, ...links } } : undefined;
  } catch {
    return undefined;
  }
}

/** For a terminal: the links with what each is for. */
export const linksText = ({ admin, operator, viewer }: Links): string =>
  `\n  admin     ${admin}\n  operator  ${operator}\n  viewer    ${viewer}\n`;
