import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';

/** Maximum number of attempts, 100 ms apart, to lock the name of a lab that an earlier process still holds. */
const maxTries = 100;

/**
 * Binds an abstract Unix socket (unix(7)) as a lock, so that two labs of one name do not take each other's pods. The
 * kernel releases it when the process ends. Waits for an earlier lab that is stopping.
 * @throws ProblemError `bad_request` when the other lab keeps running, or `signal` is aborted
 */
export async function lockLabName(lab: string, signal: AbortSignal): Promise<void> {
  for (let tried = 1; !(await tryLock(`\0podlane-pods-${lab}`)); tried++) {
    if (tried === maxTries || signal.aborted)
      throw new ProblemError('bad_request', `a lab named ${lab} is already running`, { hint: 'give --name' });
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
