import { type PollHandle, poll } from '../ffi/libc.ts';

/**
 * Calls `read` while the socket has something to read: what a call leaves brings another one, since the poll goes by
 * level. The answer ends it; the socket is the caller's to close after.
 */
export function onReadable(fd: number, read: () => void): () => void {
  let handle: PollHandle | null = null;
  let scheduled = false;
  let stopped = false;
  const wake = (status: number): void => {
    // libuv stops polling a socket with an error (ENOBUFS of netlink, an ICMP error of a raw socket).
    if (status < 0) stopped = true;
    // Out of koffi's callback, which runs no microtasks after it.
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
