import koffi, { type KoffiFunc } from 'koffi';

/**
 * Declarations of libc functions. Buffers are passed by address: keep them alive until an `.async` call has called back.
 * A failed call returns -1 (`mmap`: `MAP_FAILED`); read `errno()` at once, for an `.async` call inside its callback.
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
/** Fills the socket's own address; `length` (socklen_t) is the size of the buffer before the call. */
export const getsockname: KoffiFunc<(fd: number, address: Buffer, length: Buffer) => number> = libc.func(
  'int getsockname(int fd, void *address, void *length)',
);
export const setsockopt: KoffiFunc<
  (fd: number, level: number, option: number, value: Buffer, length: number) => number
> = libc.func('int setsockopt(int fd, int level, int option, void *value, uint32_t length)');
/**
 * Reads a socket option; `length` (socklen_t) is the size of the buffer before the call and of the value afterwards.
 */
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
/** Receives a datagram with control messages; `message` is a struct msghdr of 56 bytes. */
export const recvmsg: KoffiFunc<(fd: number, message: Buffer, flags: number) => number> = libc.func(
  'long recvmsg(int fd, void *message, int flags)',
);

// <malloc.h>: glibc's allocator.
export const mallopt: KoffiFunc<(parameter: number, value: number) => number> = libc.func(
  'int mallopt(int parameter, int value)',
);
/** Returns free memory of all arenas to the kernel, except `keep` bytes at the top of the heap. */
export const malloc_trim: KoffiFunc<(keep: number) => number> = libc.func('int malloc_trim(size_t keep)');

// <unistd.h>, <sys/ioctl.h>: variadic functions are declared with the arguments that the agent passes.
export const close: KoffiFunc<(fd: number) => number> = libc.func('int close(int fd)');
export const openat: KoffiFunc<(folder: number, path: string, flags: number) => number> = libc.func(
  'int openat(int folder, const char *path, int flags)',
);
export const read: KoffiFunc<(fd: number, into: Buffer, length: number) => number> = libc.func(
  'long read(int fd, void *into, size_t length)',
);
/** Reads where a symbolic link points, without a terminating zero. */
export const readlink: KoffiFunc<(path: string, into: Buffer, length: number) => number> = libc.func(
  'long readlink(const char *path, void *into, size_t length)',
);
export const ioctl: KoffiFunc<(fd: number, request: number, argument: Address) => number> = libc.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
/** Locks an open file or directory against other open descriptions of its inode, <sys/file.h>. */
export const flock: KoffiFunc<(fd: number, operation: number) => number> = libc.func(
  'int flock(int fd, int operation)',
);
/** Makes a system call by its number, as in `syscall(321, command, attr, attrBytes)` for bpf(2) on x86-64. */
export const syscall: KoffiFunc<(number: number, a: number, b: Address, c: number) => number> = libc.func(
  'long syscall(long number, long a, void *b, long c)',
);

/** Makes a system call whose first argument is an address or a number, with up to five arguments. */
export const syscall6: KoffiFunc<
  (number: number, a: Address | bigint, b: number, c: bigint, d: bigint, e: bigint) => number
> = libc.func('long syscall(long number, void *a, long b, uint64_t c, uint64_t d, uint64_t e)');

// <sched.h>
export const setns: KoffiFunc<(fd: number, type: number) => number> = libc.func(
  'int setns(int fd, int type)',
);
export const unshare: KoffiFunc<(flags: number) => number> = libc.func('int unshare(int flags)');

// <spawn.h>, <unistd.h>, <sys/wait.h>, <signal.h>: the opaque structs of glibc, posix_spawn_file_actions_t of 80 bytes and
// posix_spawnattr_t of 336. Functions of spawn.h return an errno.
/** Starts a program without a copy of this process's page tables; `pid` receives an int. */
export const posix_spawn: KoffiFunc<
  (
    pid: Buffer,
    path: string,
    actions: Buffer,
    attributes: Buffer,
    args: (string | null)[],
    environment: (string | null)[],
  ) => number
> = libc.func(
  'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **args, const char **environment)',
);
export const posix_spawn_file_actions_init: KoffiFunc<(actions: Buffer) => number> = libc.func(
  'int posix_spawn_file_actions_init(void *actions)',
);
export const posix_spawn_file_actions_adddup2: KoffiFunc<
  (actions: Buffer, fd: number, target: number) => number
> = libc.func('int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)');
export const posix_spawn_file_actions_destroy: KoffiFunc<(actions: Buffer) => number> = libc.func(
  'int posix_spawn_file_actions_destroy(void *actions)',
);
export const posix_spawnattr_init: KoffiFunc<(attributes: Buffer) => number> = libc.func(
  'int posix_spawnattr_init(void *attributes)',
);
export const posix_spawnattr_setflags: KoffiFunc<(attributes: Buffer, flags: number) => number> = libc.func(
  'int posix_spawnattr_setflags(void *attributes, short flags)',
);
/** Sets the signals, a mask of 128 bytes, that have their default action in the program. */
export const posix_spawnattr_setsigdefault: KoffiFunc<(attributes: Buffer, signals: Buffer) => number> =
  libc.func('int posix_spawnattr_setsigdefault(void *attributes, void *signals)');
export const posix_spawnattr_setsigmask: KoffiFunc<(attributes: Buffer, signals: Buffer) => number> =
  libc.func('int posix_spawnattr_setsigmask(void *attributes, void *signals)');
/** Makes a pipe; `ends` receives two ints, the end to read first. */
export const pipe2: KoffiFunc<(ends: Buffer, flags: number) => number> = libc.func(
  'int pipe2(void *ends, int flags)',
);
/** Waits for a child; `status` receives an int. Returns 0 if it runs and `options` has WNOHANG. */
export const waitpid: KoffiFunc<(pid: number, status: Buffer, options: number) => number> = libc.func(
  'int waitpid(int pid, void *status, int options)',
);

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
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
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
/** Fills a struct statfs of 120 bytes, whose field `f_type` is the u64 at offset 0. */
export const statfs: KoffiFunc<(path: string, buffer: Buffer) => number> = libc.func(
  'int statfs(const char *path, void *buffer)',
);

// <sys/epoll.h>
export const epoll_create1: KoffiFunc<(flags: number) => number> = libc.func('int epoll_create1(int flags)');
/** Adds, changes or removes what an epoll descriptor waits for; `event` is a struct epoll_event of at most 16 bytes. */
export const epoll_ctl: KoffiFunc<(epoll: number, operation: number, fd: number, event: Buffer) => number> =
  libc.func('int epoll_ctl(int epoll, int operation, int fd, void *event)');

// <errno.h>, <string.h>
export const errno = (): number => koffi.errno();
export const strerror: KoffiFunc<(errno: number) => string> = libc.func('const char *strerror(int errnum)');

const aliases = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP']);
const names = new Map(
  Object.entries(koffi.os.errno)
    .filter(([name]) => !aliases.has(name))
    .map(([name, value]) => [value, name]),
);
/** Returns the name of an errno, such as `EEXIST` for 17, or `errno 524` for an unknown one. */
export const errnoName = (value: number): string => names.get(value) ?? `errno ${value}`;

export interface PollHandle {
  start(callback: (status: number) => void): void;
  close(): void;
}
/**
 * Calls back on the event loop with 0 when `fd` is readable, or with a negative status on an error, after which polling
 * is stopped until `start`. Keep the handle referenced, or events stop silently.
 */
export const poll: (fd: number, callback: (status: number) => void) => PollHandle =
  // koffi's types lack the status.
  koffi.node.poll as unknown as typeof poll;

/**
 * Returns the address of `buffer` for a pointer field in a struct. The buffer must outlive every use of the address.
 */
export const addressOf = (buffer: Buffer): bigint => koffi.address(buffer);
/** Returns a view of `length` bytes of memory at `address` without copying them. */
export const viewMemory = (address: bigint, length: number): ArrayBuffer => koffi.view(address, length);
