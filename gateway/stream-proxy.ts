import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { AgentConnection } from './agent-connection.ts';
import { actorHeaders } from './api-proxy.ts';
import type { Session } from './sessions.ts';

/** Above this a receiver counts as slow: the sender is no longer read, and skips samples by itself. */
const highWaterBytes = 64 * 1024;
const maxClientMessageBytes = 64 * 1024;
const heartbeatMs = 15_000;

/** RFC 6455 close codes, and ours: the page reconnects after 1001, 1006 and 1013, and shows 4401 as signed out. */
export const closeCodes = { goingAway: 1001, tryAgainLater: 1013, signedOut: 4401 } as const;

export interface StreamProxy {
  /** Takes over an admitted upgrade request and joins it to a stream of the agent. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, session: Session): void;
  /** Tells every browser that the gateway goes away. */
  close(): void;
}

/** @param isLive whether the session may go on; asked at every heartbeat */
export function openStreamProxy(agent: AgentConnection, isLive: (session: Session) => boolean): StreamProxy {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxClientMessageBytes,
  });
  return {
    upgrade(request, socket, head, session) {
      const path = request.url ?? '';
      server.handleUpgrade(request, socket, head, (browser) => {
        joinSockets(browser, agent.connect(path, actorHeaders(session)));
        watchBrowser(browser, () => {
          if (!isLive(session)) return false;
          session.lastUsed = Date.now();
          return true;
        });
      });
    },
    close() {
      for (const browser of server.clients) {
        browser.close(closeCodes.goingAway);
        // The close frame is in the socket; an answer is not waited for.
        setTimeout(() => browser.terminate(), 200).unref();
      }
    },
  };
}

/** Passes messages both ways until either side ends. */
function joinSockets(browser: WebSocket, upstream: WebSocket): void {
  browser.pause();
  upstream.on('open', () => browser.resume());
  forwardMessages(upstream, browser);
  forwardMessages(browser, upstream);
  // 'close' follows 'error' on both sides and does what there is to do.
  upstream.on('error', () => {});
  browser.on('error', () => {});
  upstream.on('close', (code, reason) => {
    const meant = code === 1008 || code === 1009 || code >= 4000;
    browser.resume();
    browser.close(meant ? code : closeCodes.tryAgainLater, meant ? reason : 'agent_unreachable');
  });
  browser.on('close', () => upstream.terminate());
}

/** Stops reading `from` while `to` has too much unsent, so that a slow reader costs this process nothing. */
function forwardMessages(from: WebSocket, to: WebSocket): void {
  from.on('message', (data, isBinary) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount <= highWaterBytes) from.resume();
    });
    if (to.bufferedAmount > highWaterBytes) from.pause();
  });
}

/** Ends a stream whose browser no longer answers, or whose session is over. */
function watchBrowser(browser: WebSocket, mayGoOn: () => boolean): void {
  let answered = true;
  browser.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return browser.terminate();
    if (!mayGoOn()) return browser.close(closeCodes.signedOut, 'unauthorized');
    answered = false;
    browser.ping();
  }, heartbeatMs);
  browser.once('close', () => clearInterval(timer));
}
