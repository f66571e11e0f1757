import { join } from 'node:path';
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

export interface GatewayProcess {
  /** Signs in whoever opens it first, within ten minutes. */
  link: string;
  port: number;
  pid: number;
  /** The user it runs as; null in development. */
  user: UnprivilegedUser | null;
  newLink(): Promise<string>;
  /** Resolves when the process ended, in words. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the gateway without any capability and waits until it serves. @throws Error when it ends before that */
export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const { agent, agentToken, port = 7480, allowHosts = [], dev = false, dir = root } = options;
  const user = dev ? null : unprivilegedUser(root);
  const messages = Promise.withResolvers<{ link: string; port: number }>();
  let answerLink: (link: string) => void = () => {};
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
      answerLink(said.link);
    },
  });
  const { link, port: bound } = await untilReady(child, messages.promise);
  return {
    link,
    port: bound,
    pid: child.pid,
    user,
    newLink() {
      const { promise, resolve } = Promise.withResolvers<string>();
      answerLink = resolve;
      process.kill(child.pid, 'SIGUSR2');
      return promise;
    },
    ended: child.ended,
    stop: child.stop,
  };
}

/** A message of `gateway/main.ts`; undefined for what Next prints. */
function parse(line: string): { ready?: true; port: number; link: string } | undefined {
  try {
    const said = JSON.parse(line);
    return typeof said.link === 'string' ? said : undefined;
  } catch {
    return undefined;
  }
}
