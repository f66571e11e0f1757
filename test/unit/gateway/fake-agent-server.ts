import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';

/** Starts an HTTP and WebSocket server on a Unix socket in a temporary folder. */
export async function startFakeAgent(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  stream: (socket: WebSocket, request: IncomingMessage) => void = () => {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-agent-'));
  chmodSync(folder, 0o755);
  const path = join(folder, 'agent.sock');
  const server = createServer((request, response) => {
    void Promise.resolve(answer(request, response)).catch((error: Error) => response.destroy(error));
  });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', stream);
  server.listen(path);
  await once(server, 'listening');
  return {
    path,
    /** Drops all connections, as SIGKILL does. */
    kill() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
    [Symbol.dispose]() {
      this.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type FakeAgentServer = Awaited<ReturnType<typeof startFakeAgent>>;
