/**
 * Wraps `work` so that calls made while it runs share the running promise. A call after it has ended runs
 * it again.
 */
export function singleFlight<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= work().finally(() => {
      running = null;
    });
    return running;
  };
}
