import type { AddressInfo } from 'node:net';
import type { Config } from './config.ts';
import type { Agent } from './http/agent.ts';
import { buildApp } from './http/app.ts';
import { listenOnSocket, listenOnTcp } from './http/listen.ts';
import { requireBearerToken } from './http/bearer-token.ts';
import { StreamServer } from './stream/stream-server.ts';
import { version } from './version.ts';

export interface Listeners {
  /** Where it answers, for people. */
  addresses: string[];
  /** Answers what is under way, ends the streams, takes the socket file away. */
  close(): Promise<void>;
}

/**
 * Opens the agent's Unix socket and, where configured, TCP with a token.
 * @throws ProblemError `unprocessable` when one of them cannot be had; then none is open
 */
export async function openListeners(agent: Agent, { socket, socketGid, listen }: Config): Promise<Listeners> {
  const stream = new StreamServer(agent);
  const apps = [await buildApp(agent, { version })];
  stream.serve(apps[0]!.server);
  const close = async () => {
    stream.close();
    await Promise.all(apps.map((app) => app.close()));
  };
  try {
    await listenOnSocket(apps[0]!, socket, socketGid);
    if (listen === null) return { addresses: [socket], close };
    const admit = requireBearerToken(listen.token);
    const remote = await buildApp(agent, { version, admit });
    apps.push(remote);
    stream.serve(remote.server, admit);
    await listenOnTcp(remote, listen.host, listen.port);
    const { address, port } = remote.server.address() as AddressInfo;
    return { addresses: [socket, `${address.includes(':') ? `[${address}]` : address}:${port}`], close };
  } catch (error) {
    await close();
    throw error;
  }
}
