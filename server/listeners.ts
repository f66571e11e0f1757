import type { AddressInfo } from 'node:net';
import type { Config } from './config.ts';
import type { Agent } from './http/agent.ts';
import { buildApp } from './http/app.ts';
import { requireBearerToken } from './http/bearer-token.ts';
import { listenOnSocket, listenOnTcp } from './http/listen.ts';
import { StreamServer } from './stream/stream-server.ts';
import { version } from './version.ts';

export interface Listeners {
  /** The socket's path and, over TCP, host and port: for log lines. */
  addresses: string[];
  /** Finishes requests in progress, closes the streams, and removes the socket file. */
  close(): Promise<void>;
}

/**
 * Opens the agent's Unix socket and, where configured, TCP with a bearer token.
 * @throws ProblemError `unprocessable` when one of them cannot be opened; then none is open
 */
export async function openListeners(agent: Agent, { socket, socketGid, listen }: Config): Promise<Listeners> {
  const stream = new StreamServer(agent);
  const local = await buildApp(agent, { version });
  const apps = [local];
  stream.serve(local.server);
  const close = async () => {
    await Promise.all([stream.close(), ...apps.map((app) => app.close())]);
  };
  try {
    await listenOnSocket(local, socket, socketGid);
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
