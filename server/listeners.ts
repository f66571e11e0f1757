import type { AddressInfo } from 'node:net';
import type { AgentConfig } from './config.ts';
import type { AgentServices } from './http/agent.ts';
import { buildApiApp } from './http/app.ts';
import { requireBearerToken } from './http/bearer-token.ts';
import { listenOnSocket, listenOnTcp } from './http/listen.ts';
import { StreamServer } from './stream/stream-server.ts';
import { podlaneVersion } from './version.ts';

export interface AgentListeners {
  /** The socket's path and, over TCP, host and port: for log lines. */
  addresses: string[];
  /** Finishes requests in progress, closes the streams, and removes the socket file. */
  close(): Promise<void>;
}

/**
 * Opens the agent's Unix socket and, where configured, TCP with a bearer token.
 * @throws ProblemError `unprocessable` when one of them cannot be opened; then none is open
 */
export async function openAgentListeners(
  agent: AgentServices,
  { socket, socketGid, listen }: AgentConfig,
): Promise<AgentListeners> {
  const stream = new StreamServer(agent);
  const local = await buildApiApp(agent, { version: podlaneVersion });
  const apps = [local];
  stream.serve(local.server);
  const close = async () => {
    await Promise.all([stream.close(), ...apps.map((app) => app.close())]);
  };
  try {
    await listenOnSocket(local, socket, socketGid);
    if (listen === null) return { addresses: [socket], close };
    const admit = requireBearerToken(listen.token);
    const remote = await buildApiApp(agent, { version: podlaneVersion, admit });
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
