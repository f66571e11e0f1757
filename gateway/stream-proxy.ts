import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { AgentConnection } from './agent-connection.ts';
import { toActorHeaders } from './api-proxy.ts';
import type { BrowserSession, BrowserSessions } from './sessions.ts';

/** Number of unsent bytes above which the gateway pauses the sender; a paused agent skips samples. */
const unsentLimitSize = 64 * 1024;
const maxClientMessageBytes = 64 * 1024;
const heartbeatMs = 15_000;

/**
 * WebSocket close codes of a browser's stream (RFC 6455, and 4401 for signed out). The dashboard reconnects after 1001,
 * 1006 and 1013.
 */
export const streamCloseCodes = { goingAway: 1001, tryAgainLater: 1013, signedOut: 4401 } as const;

export interface StreamProxy {
  /** Upgrades an admitted request to a WebSocket and connects the browser to a stream of the agent. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, session: BrowserSession): void;
  /** Closes the streams of all browsers with code 1001 when the gateway stops. */
  close(): void;
}

/** Creates a stream proxy. @param sessions are asked at every heartbeat whether the stream's session is valid */
export function createStreamProxy(
  agent: AgentConnection,
  sessions: Pick<BrowserSessions, 'isLive' | 'touch'>,
): StreamProxy {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxClientMessageBytes,
  });
  return {
    upgrade(request, socket, head, session) {
      const path = request.url ?? '';
      server.handleUpgrade(request, socket, head, (browser) => {
        connectSockets(browser, agent.connect(path, toActorHeaders(session)));
        watchBrowser(browser, () => {
          if (!sessions.isLive(session)) return false;
          sessions.touch(session);
          return true;
        });
        closeWhenEnded(browser, session);
      });
    },
    close() {
      for (const browser of server.clients) {
        browser.close(streamCloseCodes.goingAway);
        // The close frame is sent; the browser's answer is not awaited.
        setTimeout(() => browser.terminate(), 200).unref();
      }
    },
  };
}

/** Forwards messages in both directions until either WebSocket closes. */
function connectSockets(browser: WebSocket, upstream: WebSocket): void {
  browser.pause();
  upstream.on('open', () => browser.resume());
  forwardMessages(upstream, browser);
  forwardMessages(browser, upstream);
  // 'close' follows 'error' on both sides and cleans up.
  upstream.on('error', () => {});
  browser.on('error', () => {});
  upstream.on('close', (code, reason) => {
    const intended = code === 1008 || code === 1009 || code >= 4000;
    browser.resume();
    browser.close(intended ? code : streamCloseCodes.tryAgainLater, intended ? reason : 'agent_unreachable');
  });
  browser.on('close', () => upstream.terminate());
}

/**
 * Forwards messages and pauses `from` while `to` has too many unsent bytes, so that a slow reader does not fill
 * memory.
 */
function forwardMessages(from: WebSocket, to: WebSocket): void {
  from.on('message', (data, isBinary) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount <= unsentLimitSize) from.resume();
    });
    if (to.bufferedAmount > unsentLimitSize) from.pause();
  });
}

/** Closes a browser's stream when its user signs out or the session is revoked. */
function closeWhenEnded(browser: WebSocket, { ended: { signal } }: BrowserSession): void {
  const close = (): void => browser.close(streamCloseCodes.signedOut, 'unauthorized');
  if (signal.aborted) close();
  signal.addEventListener('abort', close, { once: true });
  browser.once('close', () => signal.removeEventListener('abort', close));
}

/** Closes a browser's stream if the browser stops answering pings or the session ends. */
function watchBrowser(browser: WebSocket, isSessionLive: () => boolean): void {
  let answered = true;
  browser.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return browser.terminate();
    if (!isSessionLive()) return browser.close(streamCloseCodes.signedOut, 'unauthorized');
    answered = false;
    browser.ping();
  }, heartbeatMs);
  browser.once('close', () => clearInterval(timer));
}
