import { closeSync, openSync } from 'node:fs';
import { errno, errnoName, setns } from '../../ffi/libc.ts';

const CLONE_NEWNET = 0x4000_0000;

/**
 * Moves this thread into a network namespace permanently. For worker threads only: Node creates many sockets in a later
 * tick, so entering and leaving around a call would not be enough.
 */
export function enterNetns(path: string): void {
  const fd = openSync(path, 'r');
  try {
    if (setns(fd, CLONE_NEWNET) < 0)
      throw new Error(`enter network namespace ${path}: ${errnoName(errno())}`);
  } finally {
    closeSync(fd);
  }
}
