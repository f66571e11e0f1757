import { closeSync, existsSync, fstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { errno, errnoName, ioctl, mount, statfs, strerror, umount2, unshare } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

/** Directory of the named network namespaces, as used by `ip netns`. */
export const namedNetnsDirectory = '/run/netns';
const CLONE_NEWNET = 0x4000_0000;
const NS_GET_NSTYPE = 0xb703;
const NSFS_MAGIC = 0x6e73_6673n;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x10_0000;
const MNT_DETACH = 2;
const EINVAL = 22;
const own = '/proc/thread-self/ns/net';

/** An open network namespace, identified by `inode`. It exists at least until `close` is called. */
export interface NetworkNamespace extends Disposable {
  readonly fd: number;
  readonly inode: bigint;
  close(): void;
}

const hold = (fd: number, path: string): NetworkNamespace => ({
  fd: recordOpenedDescriptor(fd, `network namespace ${path}`),
  inode: fstatSync(fd, { bigint: true }).ino,
  close: () => closeSync(fd),
  [Symbol.dispose]: () => closeSync(fd),
});

/** Opens the network namespace of the current thread. */
export const openCurrentNamespace = (): NetworkNamespace => hold(openSync(own, 'r'), own);

/**
 * Opens the network namespace at an absolute path: `/run/netns/cart`, `/proc/4711/ns/net`.
 * @throws ProblemError `bad_netns` when the path does not exist or is no network namespace
 */
export function openNetworkNamespace(path: string): NetworkNamespace {
  const refuse = (why: string): never => {
    throw new ProblemError('bad_netns', `open network namespace ${path}: ${why}`, {
      hint: 'give the absolute path of a network namespace, such as /run/netns/NAME or /proc/PID/ns/net',
    });
  };
  if (!isAbsolute(path) || path.includes('\0')) refuse('not an absolute path');
  // Checked before opening, because opening a FIFO would block, and a device may react to it.
  const stat = Buffer.alloc(120);
  if (statfs(path, stat) < 0) refuse(strerror(errno()).toLowerCase());
  if (stat.readBigUInt64LE(0) !== NSFS_MAGIC) refuse('not a namespace');
  const fd = openSync(path, 'r');
  if (ioctl(fd, NS_GET_NSTYPE, null) === CLONE_NEWNET) return hold(fd, path);
  closeSync(fd);
  return refuse('a namespace of another type');
}

/** Creates an unnamed network namespace, which ends after `close` unless something else uses it. */
export function createUnnamedNamespace(): NetworkNamespace {
  const home = openCurrentNamespace();
  try {
    // Entering the current namespace costs nothing, and makes the return from the new one abort if it fails.
    return runInNetworkNamespace(home.fd, () => {
      enterNew('create a network namespace');
      return openCurrentNamespace();
    });
  } finally {
    home.close();
  }
}

/**
 * Creates a persistent namespace mounted at /run/netns/NAME, as `ip netns add NAME` does.
 * @returns its path @throws ProblemError `kernel_refused`
 */
export function createNamedNamespace(name: string): string {
  const path = namedPath(name);
  const operation = `create network namespace ${name}`;
  shareNamedDirectory(operation);
  if (existsSync(path)) throw new ProblemError('kernel_refused', `${operation}: ${path} exists`);
  const home = openCurrentNamespace();
  try {
    closeSync(openSync(path, 'wx', 0o000));
    runInNetworkNamespace(home.fd, () => {
      enterNew(operation);
      check(mount(own, path, 'none', MS_BIND, null), `${operation}: bind it to ${path}`);
    });
    return path;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    home.close();
  }
}

/**
 * Deletes a named network namespace like `ip netns delete`. Does nothing if it is missing; one in use loses its name.
 */
export function deleteNamedNamespace(name: string): void {
  const path = namedPath(name);
  if (!existsSync(path)) return;
  if (umount2(path, MNT_DETACH) < 0 && errno() !== EINVAL)
    check(-1, `delete network namespace ${name}: unmount ${path}`);
  rmSync(path, { force: true });
}

function namedPath(name: string): string {
  if (name === '' || name === '.' || name === '..' || basename(name) !== name || name.includes('\0'))
    throw new ProblemError('bad_netns', `${JSON.stringify(name)} cannot name a network namespace`);
  return join(namedNetnsDirectory, name);
}

/** Makes /run/netns a shared mount like `ip netns`, so that other mount namespaces can delete its entries. */
function shareNamedDirectory(operation: string): void {
  mkdirSync(namedNetnsDirectory, { recursive: true, mode: 0o755 });
  const share = (): number => mount('', namedNetnsDirectory, 'none', MS_SHARED | MS_REC, null);
  if (share() === 0) return;
  check(
    mount(namedNetnsDirectory, namedNetnsDirectory, 'none', MS_BIND | MS_REC, null),
    `${operation}: bind ${namedNetnsDirectory}`,
  );
  check(share(), `${operation}: share ${namedNetnsDirectory}`);
}

const enterNew = (operation: string): void => check(unshare(CLONE_NEWNET), operation);

function check(result: number, operation: string): void {
  if (result === 0) return;
  const code = errno();
  throw new ProblemError('kernel_refused', `${operation}: ${strerror(code)} (${errnoName(code)})`, {
    hint: 'run as root, with CAP_SYS_ADMIN',
  });
}
