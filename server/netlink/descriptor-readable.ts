import { type PollHandle, poll } from '../ffi/libc.ts';

/**
 * Calls `read` whenever `fd` is readable. Polling is level-triggered: data that a call leaves unread causes another.
 * @returns a function that stops polling; the caller closes the descriptor after it
 */
export function onDescriptorReadable(fd: number, read: () => void): () => void {
  let handle: PollHandle | null = null;
  let scheduled = false;
  let stopped = false;
  const wake = (status: number): void => {
    // libuv stops polling a socket with an error (ENOBUFS of netlink, an ICMP error of a raw socket).
    if (status < 0) stopped = true;
    // Not inside koffi's callback, after which no microtasks run.
    if (!scheduled) setImmediate(drain);
    scheduled = true;
  };
  const drain = (): void => {
    scheduled = false;
    if (!handle) return;
    if (stopped) handle.start(wake);
    stopped = false;
    read();
  };
  handle = poll(fd, wake);
  return () => {
    handle?.close();
    handle = null;
  };
}
