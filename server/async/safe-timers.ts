/** Receives errors that a timer's work threw; until it is set they are thrown as ever. */
let report: (error: unknown) => void = (error) => {
  throw error;
};

/**
 * Sets what happens with errors of timers for the whole process. A timer has no caller to tell, and an uncaught error would
 * end the agent for one reading that failed because descriptors or memory were short.
 */
export function reportTimerErrors(to: (error: unknown) => void): void {
  report = to;
}

/** Calls `setTimeout` with work whose errors are reported. */
export const setSafeTimeout = (work: () => void, ms: number): NodeJS.Timeout => setTimeout(safe(work), ms);

/** Calls `setInterval` with work whose errors are reported; the next run comes all the same. */
export const setSafeInterval = (work: () => void, ms: number): NodeJS.Timeout => setInterval(safe(work), ms);

const safe = (work: () => void) => (): void => {
  try {
    work();
  } catch (error) {
    report(error);
  }
};
