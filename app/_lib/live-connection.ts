import type { Problem } from '../../contract/problem.ts';
import type { ServerMessage } from '../../contract/stream-messages.ts';
import { ApiError, requestApi } from './api.ts';
import { createSubscriptionRegistry, type SubscriptionTopic } from './subscriptions.ts';

export interface LiveConnectionStatus {
  state: 'connecting' | 'connected' | 'lost';
  /** Time at which the connection entered this state, ms since the epoch. */
  since: number;
  /** Time of the next reconnection attempt, ms since the epoch; null unless the connection is lost. */
  nextTryAt: number | null;
  /** Reason for the lost connection: the process that does not respond, or `signed-out`; null until it is known. */
  reason: 'agent' | 'gateway' | 'signed-out' | null;
}

/** Part of the WebSocket interface that the live connection uses. */
export interface MinimalWebSocket {
  binaryType: string;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface LiveConnectionOptions {
  open: () => MinimalWebSocket;
  /** Finds out whether the agent or the gateway does not respond, or whether the session has ended. */
  probe: () => Promise<LiveConnectionStatus['reason']>;
  random?: () => number;
}

const firstDelayMs = 500;
const longestDelayMs = 5000;
const openWithinMs = 8000;
const ackWithinMs = 5000;
/** Time without messages after which a WebSocket counts as dead, ms; samples arrive once a second. */
const silentAfterMs = 10_000;

export type LiveConnection = ReturnType<typeof createLiveConnection>;

/**
 * Creates the tab's WebSocket connection to the agent. It opens with the first subscription and renews all
 * subscriptions after a reconnect. Reconnection delays are 0.5 s, 1 s, 2 s, 4 s, then 5 s, each reduced by a random
 * share of up to a quarter.
 */
export function createLiveConnection({ open, probe, random = Math.random }: LiveConnectionOptions) {
  let socket: MinimalWebSocket | null = null;
  let status: LiveConnectionStatus = {
    state: 'connecting',
    since: Date.now(),
    nextTryAt: null,
    reason: null,
  };
  let attempt = 0;
  let started = false;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let watchTimer: ReturnType<typeof setTimeout> | undefined;
  const statusListeners = new Set<() => void>();
  const messageListeners = new Set<(message: ServerMessage) => void>();
  const frameListeners = new Set<(frame: ArrayBuffer) => void>();
  const subscriptions = createSubscriptionRegistry({
    send: (message) => socket?.send(JSON.stringify(message)),
    ackWithinMs,
    onSilence: () => drop(),
  });

  function setStatus(next: LiveConnectionStatus): void {
    status = next;
    for (const listener of statusListeners) listener();
  }

  function connect(): void {
    clearTimeout(retryTimer);
    const opened = open();
    socket = opened;
    opened.binaryType = 'arraybuffer';
    watch(openWithinMs);
    opened.onmessage = ({ data }) => receive(data);
    opened.onclose = () => {
      if (socket === opened) drop();
    };
    opened.onerror = () => {};
  }

  function receive(data: unknown): void {
    watch(silentAfterMs);
    if (data instanceof ArrayBuffer) {
      for (const listener of frameListeners) listener(data);
      return;
    }
    const message = JSON.parse(String(data)) as ServerMessage;
    if (message.type === 'hello') {
      attempt = 0;
      setStatus({ state: 'connected', since: Date.now(), nextTryAt: null, reason: null });
      subscriptions.sendAll();
    }
    if (message.type === 'ack') subscriptions.settle(message.id, null);
    if (message.type === 'error' && message.id !== null) subscriptions.settle(message.id, message.problem);
    for (const listener of messageListeners) listener(message);
  }

  /** Closes the WebSocket if within `ms` it does not open or, while samples are subscribed to, receives no message. */
  function watch(ms: number): void {
    clearTimeout(watchTimer);
    watchTimer = setTimeout(() => {
      if (status.state !== 'connected' || subscriptions.expectsSamples()) drop();
      else watch(ms);
    }, ms);
  }

  function drop(): void {
    const old = socket;
    socket = null;
    clearTimeout(watchTimer);
    subscriptions.lose();
    if (old !== null) {
      old.onclose = null;
      old.onmessage = null;
      old.close();
    }
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** attempt) * (1 - random() / 4);
    attempt += 1;
    const since = status.state === 'lost' ? status.since : Date.now();
    setStatus({ state: 'lost', since, nextTryAt: Date.now() + delay, reason: status.reason });
    retryTimer = setTimeout(connect, delay);
    void probe().then((reason) => {
      if (status.state === 'lost' && reason !== status.reason) setStatus({ ...status, reason });
    });
  }

  return {
    get status(): LiveConnectionStatus {
      return status;
    },
    /** Reconnects immediately instead of after the delay; does nothing while connected or connecting. */
    retryNow(): void {
      if (status.state !== 'lost' || socket !== null) return;
      attempt = 0;
      setStatus({ ...status, nextTryAt: Date.now() });
      connect();
    },
    /**
     * Subscribes to a topic until the returned function is called. All subscribers of a topic share one subscription
     * at the agent. `onProblem` is called if the agent refuses the subscription.
     */
    subscribe(topic: SubscriptionTopic, onProblem?: (problem: Problem) => void): () => void {
      const release = subscriptions.add(topic, onProblem);
      if (!started) {
        started = true;
        connect();
      }
      return release;
    },
    onStatus: (listener: () => void) => listen(statusListeners, listener),
    onMessage: (listener: (message: ServerMessage) => void) => listen(messageListeners, listener),
    onFrame: (listener: (frame: ArrayBuffer) => void) => listen(frameListeners, listener),
  };
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/**
 * Finds the process that does not respond by a request to the API: status 502 means the agent, no response means the
 * gateway.
 */
async function findSilentProcess(): Promise<LiveConnectionStatus['reason']> {
  try {
    await requestApi('/node', { signal: AbortSignal.timeout(4000) });
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) return 'gateway';
    if (error.status === 401) return 'signed-out';
    return error.code === 'network' ? 'gateway' : 'agent';
  }
}

let tabConnection: LiveConnection | undefined;

/** Returns the tab's live connection; works only in the browser. */
export function getLiveConnection(): LiveConnection {
  if (tabConnection !== undefined) return tabConnection;
  const created = createLiveConnection({
    open: () => {
      const url = new URL('/api/v1/stream', location.href);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      return new WebSocket(url) as MinimalWebSocket;
    },
    probe: findSilentProcess,
  });
  tabConnection = created;
  addEventListener('online', () => created.retryNow());
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') created.retryNow();
  });
  return created;
}
