/**
 * Request counts of a pod's clients in shared memory: the pod's thread writes them, and the main thread reads them.
 */
export interface RequestCounts {
  ok: number;
  failed: number;
  reconnects: number;
}

/** Names of a pod's request counts, in the order of the shared memory. */
const fields = ['ok', 'failed', 'reconnects'] as const;

/** Size in bytes of the shared memory for the request counts of one pod. */
export const requestCountsSize = fields.length * 8;

/**
 * Opens request counts in shared memory. Each is an integer below 2^53, written in one 8-byte store to avoid torn
 * reads.
 */
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
export interface LabTrafficClock {
  now: number;
}
const maxTickMs = 500;

/** Advances a traffic clock by `since` milliseconds, but by at most `maxTickMs`. */
export function advanceLabTrafficClock(clock: LabTrafficClock, since: number): void {
  clock.now += Math.min(since, maxTickMs);
}

/**
 * Milliseconds after which a request without a reply has failed. TCP retransmits a lost packet well within them, and a
 * server's thread on a busy machine can be without CPU for more than 3 s.
 */
export const labResponseTimeoutMs = { tcp: 6000, udp: 6000 } as const;

/** Milliseconds before a broken connection is reopened. */
export const labReconnectDelayMs = 500;

/** Client of a pod that sends requests to one server and counts replies and failures. */
export interface LabTrafficClient {
  /** Sends a request to the server. @returns false if too many requests are pending */
  send(): boolean;
  /** Counts overdue requests as failed and reopens broken connections. Called on every tick. */
  check(): void;
  /** True once the server has replied; requests before the first reply are not counted. */
  readonly joined: boolean;
  /** Number of requests that have neither been answered nor failed. */
  readonly pending: number;
  /** Closes the client's sockets. Pending requests are not counted. */
  close(): void;
}

export interface LabTrafficClientOptions {
  address: string;
  port: number;
  request: number;
  reply: number;
  counts: RequestCounts;
  clock: LabTrafficClock;
}
