import { closeSync, existsSync, fstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { errno, errnoName, ioctl, mount, statfs, strerror, umount2, unshare } from '../ffi/libc.ts';
import { withNamespace } from '../netlink/setns.ts';

export { withNamespace };

/** Where `ip netns` looks for named namespaces. */
export const namedDirectory = '/run/netns';
const CLONE_NEWNET = 0x4000_0000;
const NS_GET_NSTYPE = 0xb703;
const NSFS_MAGIC = 0x6e73_6673n;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x10_0000;
const MNT_DETACH = 2;
const EINVAL = 22;
const own = '/proc/thread-self/ns/net';

/** A network namespace held open: it lives at least until `close`. `inode` tells namespaces apart. */
export interface NetworkNamespace extends Disposable {
  readonly fd: number;
  readonly inode: bigint;
  close(): void;
}

const hold = (fd: number): NetworkNamespace => ({
  fd,
  inode: fstatSync(fd, { bigint: true }).ino,
  close: () => closeSync(fd),
  [Symbol.dispose]: () => closeSync(fd),
});

/** The namespace this thread is in. */
export const currentNamespace = (): NetworkNamespace => hold(openSync(own, 'r'));

/**
 * Opens the network namespace at an absolute path: `/run/netns/cart`, `/proc/4711/ns/net`.
 * @throws ProblemError bad_netns when nothing is there, or something else
 */
export function openNamespace(path: string): NetworkNamespace {
  const refuse = (why: string): never => {
    throw new ProblemError('bad_netns', `open network namespace ${path}: ${why}`, {
      hint: 'give the absolute path of a network namespace, such as /run/netns/NAME or /proc/PID/ns/net',
    });
  };
  if (!isAbsolute(path) || path.includes('\0')) refuse('not an absolute path');
  // Asked before opening: opening a FIFO would hang, and a device may act on being opened.
  const stat = Buffer.alloc(120);
  if (statfs(path, stat) < 0) refuse(strerror(errno()).toLowerCase());
  if (stat.readBigUInt64LE(0) !== NSFS_MAGIC) refuse('not a namespace');
  const fd = openSync(path, 'r');
  if (ioctl(fd, NS_GET_NSTYPE, null) === CLONE_NEWNET) return hold(fd);
  closeSync(fd);
  return refuse('a namespace of another type');
}

/** A namespace without a name: it goes when `close` is called and nothing else is in it. */
export function createNamespace(): NetworkNamespace {
  const home = currentNamespace();
  try {
    // Entering the present namespace is free, and brings the way back that aborts when it fails.
    return withNamespace(home.fd, () => {
      enterNew('create a network namespace');
      return currentNamespace();
    });
  } finally {
    home.close();
  }
}

/**
 * Creates a namespace that stays, as `ip netns add NAME` does: a mount on /run/netns/NAME.
 * @returns its path @throws ProblemError kernel_refused
 */
export function createNamedNamespace(name: string): string {
  const path = namedPath(name);
  const tried = `create network namespace ${name}`;
  shareNamedDirectory(tried);
  if (existsSync(path)) throw new ProblemError('kernel_refused', `${tried}: ${path} exists`);
  const home = currentNamespace();
  try {
    closeSync(openSync(path, 'wx', 0o000));
    withNamespace(home.fd, () => {
      enterNew(tried);
      check(mount(own, path, 'none', MS_BIND, null), `${tried}: bind it to ${path}`);
    });
    return path;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    home.close();
  }
}

/** As `ip netns delete NAME`; one that is gone already is fine. What is still in use lives on without the name. */
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
  return join(namedDirectory, name);
}

/** As `ip netns`: a shared mount, so that namespaces made in one mount namespace can be deleted in another. */
function shareNamedDirectory(tried: string): void {
  mkdirSync(namedDirectory, { recursive: true, mode: 0o755 });
  const share = (): number => mount('', namedDirectory, 'none', MS_SHARED | MS_REC, null);
  if (share() === 0) return;
  check(
    mount(namedDirectory, namedDirectory, 'none', MS_BIND | MS_REC, null),
    `${tried}: bind ${namedDirectory}`,
  );
  check(share(), `${tried}: share ${namedDirectory}`);
}

const enterNew = (tried: string): void => check(unshare(CLONE_NEWNET), tried);

function check(result: number, tried: string): void {
  if (result === 0) return;
  const code = errno();
  throw new ProblemError('kernel_refused', `${tried}: ${strerror(code)} (${errnoName(code)})`, {
    hint: 'run as root, with CAP_SYS_ADMIN',
  });
}
