import { closeSync, openSync } from 'node:fs';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { epoll_create1, epoll_ctl, errno, errnoName } from '../ffi/libc.ts';
import { onDescriptorReadable } from '../netlink/descriptor-readable.ts';

/** Constants of <sys/epoll.h>, and the size of struct epoll_event. */
const EPOLL_CLOEXEC = 0x8_0000;
const EPOLL_CTL_ADD = 1;
const EPOLLPRI = 2;
const epollEventBytes = 16;

/**
 * Calls `changed` when mounts of a mount namespace change. The kernel reports it as priority data of mountinfo (proc(5)),
 * which is always readable too; an epoll descriptor that waits for the former only becomes readable itself with it.
 * @param mountinfo `/proc/self/mountinfo`, or that of another process
 * @returns a function that ends the watch @throws Error if the file cannot be opened
 */
export function watchMounts(mountinfo: string, changed: () => void): () => void {
  const file = openSync(mountinfo, 'r');
  const epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) {
    closeSync(file);
    throw new Error(`watch ${mountinfo}: ${errnoName(errno())}`);
  }
  recordOpenedDescriptor(file, mountinfo);
  recordOpenedDescriptor(epoll, `epoll of ${mountinfo}`);
  const event = Buffer.alloc(epollEventBytes);
  event.writeUInt32LE(EPOLLPRI, 0);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, file, event) < 0) {
    const code = errno();
    closeSync(epoll);
    closeSync(file);
    throw new Error(`watch ${mountinfo}: ${errnoName(code)}`);
  }
  const stop = onDescriptorReadable(epoll, changed);
  return () => {
    stop();
    closeSync(epoll);
    closeSync(file);
  };
}
