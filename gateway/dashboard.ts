import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import next from 'next';
import { createNonce, pageContentPolicy } from './security-headers.ts';

// Next is CommonJS and exports the function itself; its types describe the bundlers' view of it.
const createNext = next as unknown as typeof next.default;

export interface Dashboard {
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

/** The dashboard, built by `next build` before; with `dev`, compiled as it is asked for. */
export async function openDashboard(dir: string, dev: boolean): Promise<Dashboard> {
  // Left alone, Next listens for upgrades on our server at the first request and answers those meant for the agent.
  const elsewhere = new EventEmitter() as unknown as Server;
  const app = createNext({ dev, dir, httpServer: elsewhere, quiet: !dev });
  await app.prepare();
  const handle = app.getRequestHandler();
  const upgrade = app.getUpgradeHandler();
  return {
    answer(request, response) {
      const nonce = createNonce();
      const policy = pageContentPolicy(nonce, dev);
      request.headers['content-security-policy'] = policy;
      request.headers['x-nonce'] = nonce;
      response.setHeader('Content-Security-Policy', policy);
      return handle(request, response);
    },
    upgrade: (request, socket, head) => void upgrade(request, socket, head),
    close: () => app.close(),
  };
}
