import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import next from 'next';
import { createCspNonce, formatPageContentPolicy } from './security-headers.ts';

// Next is CommonJS and exports the function itself; its types describe a default export.
const createNext = next as unknown as typeof next.default;

/** Next.js app of the dashboard. */
export interface DashboardApp {
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

/** Opens the dashboard that `next build` produced; with `dev`, Next.js compiles pages on request. */
export async function openDashboardApp(dir: string, dev: boolean): Promise<DashboardApp> {
  // Without a server of its own, Next would handle upgrades of the gateway's server, including those for the agent.
  const unusedServer = new EventEmitter() as unknown as Server;
  const app = createNext({ dev, dir, httpServer: unusedServer, quiet: !dev });
  await app.prepare();
  const handle = app.getRequestHandler();
  const upgrade = app.getUpgradeHandler();
  return {
    answer(request, response) {
      const nonce = createCspNonce();
      const policy = formatPageContentPolicy(nonce, dev);
      request.headers['content-security-policy'] = policy;
      request.headers['x-nonce'] = nonce;
      response.setHeader('Content-Security-Policy', policy);
      return handle(request, response);
    },
    upgrade: (request, socket, head) => void upgrade(request, socket, head),
    close: () => app.close(),
  };
}
