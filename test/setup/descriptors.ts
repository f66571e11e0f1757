// Setup file of the unit, kernel and vm projects: a test file that leaves a descriptor of the agent's code open fails,
// and the error shows the stack that opened it.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { listOpenDescriptors, startTrackingDescriptors } from '../../server/ffi/descriptor-tracking.ts';

/** Time for sockets that close after their last request. */
const graceMs = 1000;

startTrackingDescriptors();
// Descriptors of earlier test files have been reported by theirs.
const openBefore = new Set(listOpenDescriptors().map(({ fd, stack }) => `${fd} ${stack}`));

// Registered before the hooks of the test file, so it runs after them.
afterAll(async () => {
  const leaked = () => listOpenDescriptors().filter(({ fd, stack }) => !openBefore.has(`${fd} ${stack}`));
  for (const deadline = performance.now() + graceMs; leaked().length > 0 && performance.now() < deadline; )
    await sleep(10);
  const left = leaked();
  if (left.length > 0)
    throw new Error(
      `${left.length} descriptors were left open:\n${left
        .map(
          ({ fd, opened, stack }) => `descriptor ${fd}, ${opened}\n${stack.split('\n').slice(2).join('\n')}`,
        )
        .join('\n')}`,
    );
});
