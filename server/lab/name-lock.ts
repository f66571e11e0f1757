import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';

/** How long an earlier lab may take to stop, in tries of 100 ms. */
const maxTries = 100;

/**
 * Holds an abstract Unix socket (unix(7)), which ends with the process however it ends, so that two labs of
 * one name do not take each other's pods. An earlier one that is stopping is waited for.
 * @throws ProblemError bad_request when it goes on, or `signal` says to stop
 */
export async function lockLabName(lab: string, signal: AbortSignal): Promise<void> {
  for (let tried = 1; !(await tryLock(`\0podlane-pods-${lab}`)); tried++) {
    if (tried === maxTries || signal.aborted)
      throw new ProblemError('bad_request', `a lab called ${lab} runs already`, { hint: 'give --name' });
    await sleep(100);
  }
}

function tryLock(name: string): Promise<boolean> {
  const server = createServer().unref();
  return new Promise((resolve) => {
    server.on('error', () => resolve(false));
    server.listen(name, () => resolve(true));
  });
}
