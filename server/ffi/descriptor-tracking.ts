import { readlinkSync } from 'node:fs';

/** An open file descriptor with the stack trace of the code that opened it. */
export interface OpenDescriptor {
  fd: number;
  /** Object that the descriptor was opened for, such as `network namespace /run/netns/cart`. */
  opened: string;
  stack: string;
}

/** A tracked descriptor. `file` tells whether its number was closed or reused in the meantime. */
type Tracked = OpenDescriptor & { file: string };

let tracked: Map<number, Tracked> | null = null;

/** Starts tracking opened descriptors for leak checks in tests; taking stack traces is too slow for production. */
export function startTrackingDescriptors(): void {
  tracked ??= new Map();
}

/** Records the caller as the opener of `fd` and returns `fd`; negative numbers are results of failed calls. */
export function recordOpenedDescriptor(fd: number, opened: string): number {
  if (tracked !== null && fd >= 0) {
    const stack = new Error(opened).stack ?? '';
    tracked.set(fd, { fd, opened, stack, file: fileOf(fd) ?? '' });
  }
  return fd;
}

/** Lists the tracked descriptors of this thread that are still open. */
export function listOpenDescriptors(): OpenDescriptor[] {
  if (tracked === null) return [];
  for (const { fd, file } of [...tracked.values()]) if (fileOf(fd) !== file) tracked.delete(fd);
  return Array.from(tracked.values(), ({ fd, opened, stack }) => ({ fd, opened, stack }));
}

/** Returns what a descriptor refers to, such as `socket:[4711]`; null if it is closed. */
function fileOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/thread-self/fd/${fd}`);
  } catch {
    return null;
  }
}
