import { closeSync, openSync } from 'node:fs';
import { errno, errnoName, setns } from '../ffi/libc.ts';

const CLONE_NEWNET = 0x4000_0000;

/**
 * Runs `act` with this thread in the network namespace `fd`, then returns to the previous one. It is synchronous
 * because the event loop's other callbacks run on the same thread: `act` must not await and not start threads. A
 * process that cannot return would act on the wrong namespace from then on, so it aborts.
 */
export function runInNetworkNamespace<T>(fd: number, act: () => T): T {
  // thread-self: in a worker, /proc/self is the main thread.
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    if (setns(fd, CLONE_NEWNET) < 0)
      throw new Error(`enter network namespace (descriptor ${fd}): ${errnoName(errno())}`);
    try {
      return act();
    } finally {
      if (setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    closeSync(home);
  }
}
