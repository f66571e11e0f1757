import type { AddressInfo } from 'node:net';
import { openCniListener } from './cni/cni-listener.ts';
import type { AgentConfig } from './config.ts';
import type { AgentServices } from './http/agent-services.ts';
import { buildApiApp } from './http/app.ts';
import { requireBearerToken } from './http/bearer-token.ts';
import { ConnectionLimiter } from './http/connection-limits.ts';
import { listenOnTcp, listenOnUnixSocket } from './http/listen.ts';
import { admitLocalCallers } from './http/local-caller.ts';
import { StreamServer } from './stream/stream-server.ts';
import { podlaneVersion } from './version.ts';

export interface AgentListeners {
  /** Addresses of the API, for log lines: the path of the Unix socket, and host and port for TCP. */
  addresses: string[];
  /** Finishes running requests, closes the streams, and removes the socket file. */
  close(): Promise<void>;
}

/**
 * Opens the agent's Unix sockets, for the API and for CNI, and, where configured, TCP with a bearer token.
 * @throws ProblemError `unprocessable` when one of them cannot be opened; then none is open
 */
export async function openAgentListeners(
  agent: AgentServices,
  { socket, socketGid, cniSocket, listen }: AgentConfig,
): Promise<AgentListeners> {
  const stream = new StreamServer(agent);
  const limiter = new ConnectionLimiter();
  const admitLocal = admitLocalCallers(socketGid);
  const local = await buildApiApp(agent, { version: podlaneVersion, admit: admitLocal });
  const apps = [local];
  limiter.limit(local.server);
  stream.serve(local.server, admitLocal);
  const cni = await openCniListener(agent.containers, cniSocket, agent.log);
  const close = async () => {
    await Promise.all([cni.close(), stream.close(), ...apps.map((app) => app.close())]);
  };
  try {
    await listenOnUnixSocket(local, socket, socketGid);
    if (listen === null) return { addresses: [socket], close };
    const admit = requireBearerToken(listen.token);
    const remote = await buildApiApp(agent, { version: podlaneVersion, admit });
    apps.push(remote);
    limiter.limit(remote.server);
    stream.serve(remote.server, admit);
    await listenOnTcp(remote, listen.host, listen.port);
    const { address, port } = remote.server.address() as AddressInfo;
    return { addresses: [socket, `${address.includes(':') ? `[${address}]` : address}:${port}`], close };
  } catch (error) {
    await close();
    throw error;
  }
}
