/** A request that the API server refused, or that did not reach it. */
export class KubernetesApiError extends Error {
  /** HTTP status; null if there was no response. */
  readonly status: number | null;
  /** Milliseconds that the server asks to wait; null if it does not. */
  readonly retryAfterMs: number | null;

  /** Creates an error. @param operation what was asked for, e.g. `list pods` */
  constructor(
    operation: string,
    message: string,
    {
      status = null,
      retryAfterMs = null,
      cause,
    }: { status?: number | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(`${operation}: ${message}`, { cause });
    this.name = 'KubernetesApiError';
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Returns true if a resource version has expired: everything has to be listed again. */
export const isExpired = (error: unknown): boolean =>
  error instanceof KubernetesApiError && error.status === 410;

export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof KubernetesApiError && error.status === status;
