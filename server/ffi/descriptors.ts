import { readlinkSync } from 'node:fs';

/** A descriptor that is still open, with the stack that opened it. */
export interface OpenDescriptor {
  fd: number;
  /** The object it was opened for, as in `network namespace /run/netns/cart`. */
  opened: string;
  stack: string;
}

/** The file behind a descriptor tells whether its number has been closed, or used again, since. */
type Tracked = OpenDescriptor & { file: string };

let tracked: Map<number, Tracked> | null = null;

/** Starts recording who opens descriptors. For tests: taking a stack trace costs more than opening. */
export function trackDescriptors(): void {
  tracked ??= new Map();
}

/** Records `fd` as opened by the caller, and returns it. Negative numbers are failed calls. */
export function openedDescriptor(fd: number, opened: string): number {
  if (tracked !== null && fd >= 0) {
    const stack = new Error(opened).stack ?? '';
    tracked.set(fd, { fd, opened, stack, file: fileOf(fd) ?? '' });
  }
  return fd;
}

/** Lists the recorded descriptors of this thread that nobody has closed. */
export function openDescriptors(): OpenDescriptor[] {
  if (tracked === null) return [];
  for (const { fd, file } of [...tracked.values()]) if (fileOf(fd) !== file) tracked.delete(fd);
  return Array.from(tracked.values(), ({ fd, opened, stack }) => ({ fd, opened, stack }));
}

/** Returns the target of the descriptor, as in `socket:[4711]`; null when it is closed. */
function fileOf(fd: number): string | null {
  try {
    return readlinkSync(`/proc/thread-self/fd/${fd}`);
  } catch {
    return null;
  }
}
