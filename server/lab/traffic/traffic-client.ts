/** Requests of a pod's clients, counted in shared memory: the pod's thread writes, the main thread reads. */
export interface RequestCounts {
  ok: number;
  failed: number;
  reconnects: number;
}

/** Counts of a pod in the order of shared memory. */
const fields = ['ok', 'failed', 'reconnects'] as const;

/** Bytes of shared memory that the counts of a pod occupy. */
export const requestCountsSize = fields.length * 8;

/** Returns the counts in `memory`: whole numbers below 2^53, written as 8 bytes at once, so that no read is torn. */
export function openSharedRequestCounts(memory: SharedArrayBuffer): RequestCounts {
  const cells = new Float64Array(memory);
  const counts = {} as RequestCounts;
  for (const [index, field] of fields.entries())
    Object.defineProperty(counts, field, {
      enumerable: true,
      get: () => cells[index],
      set: (value: number) => {
        cells[index] = value;
      },
    });
  return counts;
}

/**
 * Milliseconds in which this thread could run. After a time without CPU, replies are waiting that arrived in time, so a
 * gap between two ticks counts as at most `maxTickMs`, and a late wake-up fails no request.
 */
export interface TrafficClock {
  now: number;
}
const maxTickMs = 500;

/** Advances the clock by `since` milliseconds, at most by `maxTickMs`. */
export function advanceTrafficClock(clock: TrafficClock, since: number): void {
  clock.now += Math.min(since, maxTickMs);
}

/**
 * Milliseconds after which a request without a reply has failed. TCP retransmits a lost packet well within them, and a
 * server's thread on a busy machine can be without CPU for more than 3 s.
 */
export const responseTimeoutMs = { tcp: 6000, udp: 6000 } as const;

/** Milliseconds before a broken connection is opened again. */
export const reconnectDelayMs = 500;

/** A client of a pod: sends requests to one server and counts replies and failures. */
export interface TrafficClient {
  /** Sends a request. @returns false while too many are pending */
  send(): boolean;
  /** Counts late requests as failed and opens broken connections again. Called on every tick. */
  check(): void;
  /** True once the server has replied; nothing is counted before. */
  readonly joined: boolean;
  /** Requests that are neither answered nor failed. */
  readonly pending: number;
  /** Closes the sockets. Pending requests are not counted. */
  close(): void;
}

export interface TrafficClientOptions {
  address: string;
  port: number;
  request: number;
  reply: number;
  counts: RequestCounts;
  clock: TrafficClock;
}
