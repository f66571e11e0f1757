/** What a pod's clients count, in shared memory: one writer (the pod's thread), read by the main thread. */
export interface RequestCounts {
  ok: number;
  failed: number;
  reconnects: number;
}

/** Numbers of a pod in shared memory, in this order. */
const fields = ['ok', 'failed', 'reconnects'] as const;

/** Bytes of shared memory a pod's counts take. */
export const countsBytes = fields.length * 8;

/** The counts that lie in `memory`; whole numbers below 2^53, written 8 bytes at once, so never torn. */
export function sharedCounts(memory: SharedArrayBuffer): RequestCounts {
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
 * Milliseconds in which this thread could work. A thread that got no CPU finds replies waiting that were
 * in time; so a gap between two ticks counts for at most `longest`, and waking up late fails no request.
 */
export interface WorkClock {
  now: number;
}
const maxTickMs = 500;

/** Lets `clock` advance by the time since `since`; both in ms. */
export function advanceClock(clock: WorkClock, since: number): void {
  clock.now += Math.min(since, maxTickMs);
}

/**
 * A reply later than this has failed, ms. TCP repairs a lost packet well within it; what takes longer than 3 s on a busy
 * machine is a server's thread without a CPU.
 */
export const responseTimeoutMs = { tcp: 6000, udp: 6000 } as const;

/** Waits this long before it tries a broken connection again, ms. */
export const retryDelayMs = 500;

/** One client of a pod: asks one server, and counts what becomes of every request. */
export interface TrafficClient {
  /** Sends a request; false when there is no room for one more under way. */
  send(): boolean;
  /** Counts as failed what is late, and tries broken connections again. Called often. */
  check(): void;
  /** Whether the server has answered yet: until then nothing is counted. */
  readonly joined: boolean;
  /** Requests sent and neither answered nor failed. */
  readonly pending: number;
  /** Closes the sockets. What is pending is not counted any more. */
  close(): void;
}

/** What every client is made from. */
export interface ClientOptions {
  address: string;
  port: number;
  request: number;
  reply: number;
  counts: RequestCounts;
  clock: WorkClock;
}
