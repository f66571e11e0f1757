import koffi, { type KoffiFunc } from 'koffi';

/**
 * libc, declared. Buffers pass by address: keep them alive until an `.async` call has called back.
 * A failed call answers -1 (`mmap`: `mapFailed`); read `errno()` at once, in an `.async` call inside its callback.
 */
const libc = koffi.load('libc.so.6');

type Address = Buffer | ArrayBufferView | bigint | null;

// <sys/socket.h>
export const socket: KoffiFunc<(domain: number, type: number, protocol: number) => number> = libc.func(
  'int socket(int domain, int type, int protocol)',
);
export const bind: KoffiFunc<(fd: number, address: Buffer, length: number) => number> = libc.func(
  'int bind(int fd, void *address, uint32_t length)',
);
export const setsockopt: KoffiFunc<
  (fd: number, level: number, option: number, value: Buffer, length: number) => number
> = libc.func('int setsockopt(int fd, int level, int option, void *value, uint32_t length)');
/** `length` is a socklen_t, in and out. */
export const getsockopt: KoffiFunc<
  (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number
> = libc.func('int getsockopt(int fd, int level, int option, void *value, void *length)');
export const send: KoffiFunc<(fd: number, data: Buffer, length: number, flags: number) => number> = libc.func(
  'long send(int fd, void *data, size_t length, int flags)',
);
export const sendto: KoffiFunc<
  (fd: number, data: Buffer, length: number, flags: number, address: Buffer, addressLength: number) => number
> = libc.func(
  'long sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t addressLength)',
);
export const recv: KoffiFunc<(fd: number, data: Buffer, length: number, flags: number) => number> = libc.func(
  'long recv(int fd, void *data, size_t length, int flags)',
);
/** `message` is a struct msghdr of 56 bytes. */
export const recvmsg: KoffiFunc<(fd: number, message: Buffer, flags: number) => number> = libc.func(
  'long recvmsg(int fd, void *message, int flags)',
);

// <unistd.h>, <sys/ioctl.h>: the variadic ones declared with the arguments we pass
export const close: KoffiFunc<(fd: number) => number> = libc.func('int close(int fd)');
export const ioctl: KoffiFunc<(fd: number, request: number, argument: Address) => number> = libc.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
/** `syscall(321, command, attr, attrBytes)` is bpf(2) on x86-64. */
export const syscall: KoffiFunc<(number: number, a: number, b: Address, c: number) => number> = libc.func(
  'long syscall(long number, long a, void *b, long c)',
);

// <sched.h>
export const setns: KoffiFunc<(fd: number, type: number) => number> = libc.func(
  'int setns(int fd, int type)',
);
export const unshare: KoffiFunc<(flags: number) => number> = libc.func('int unshare(int flags)');

// <sys/mman.h>
export const mmap: KoffiFunc<
  (
    address: Address,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number | bigint,
  ) => bigint
> = libc.func('void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)');
export const mapFailed = 0xffff_ffff_ffff_ffffn;
export const munmap: KoffiFunc<(address: Address, length: number) => number> = libc.func(
  'int munmap(void *address, size_t length)',
);

// <sys/mount.h>, <sys/vfs.h>
export const mount: KoffiFunc<
  (source: string | null, target: string, type: string | null, flags: number, data: string | null) => number
> = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
export const umount2: KoffiFunc<(target: string, flags: number) => number> = libc.func(
  'int umount2(const char *target, int flags)',
);
/** Fills a struct statfs of 120 bytes; `f_type` is the u64 at 0. */
export const statfs: KoffiFunc<(path: string, buffer: Buffer) => number> = libc.func(
  'int statfs(const char *path, void *buffer)',
);

// <errno.h>, <string.h>
export const errno = (): number => koffi.errno();
export const strerror: KoffiFunc<(errno: number) => string> = libc.func('const char *strerror(int errnum)');

const aliases = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP']);
const names = new Map(
  Object.entries(koffi.os.errno)
    .filter(([name]) => !aliases.has(name))
    .map(([name, value]) => [value, name]),
);
/** `17` → `EEXIST`; a number koffi does not name → `errno 524`. */
export const errnoName = (value: number): string => names.get(value) ?? `errno ${value}`;

export interface PollHandle {
  start(callback: (status: number) => void): void;
  close(): void;
}
/**
 * Calls back on the event loop when `fd` is readable, with 0, or with a negative status when it has an error: then
 * it is stopped and wants `start`. Keep the handle referenced, or events stop silently.
 */
export const poll: (fd: number, callback: (status: number) => void) => PollHandle =
  // koffi's types leave the status out.
  koffi.node.poll as unknown as typeof poll;

/** A number for a pointer field of a struct: the address of `buffer`, which must outlive its use. */
export const addressOf = (buffer: Buffer): bigint => koffi.address(buffer);
/** `length` bytes of memory at `address`, as mapped, not copied. */
export const viewOf = (address: bigint, length: number): ArrayBuffer => koffi.view(address, length);
