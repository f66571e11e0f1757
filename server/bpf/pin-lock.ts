import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { ProblemError } from '../../contract/problem.ts';
import { errno, errnoName, flock, strerror } from '../ffi/libc.ts';
import { ensurePinDirectory } from './pin.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * The exclusive lock of an agent on its directory of pins. The kernel keeps it with the directory's inode, so it holds
 * under every path and in every mount namespace that the file system is mounted at, and ends with the process.
 */
export class PinDirectoryLock {
  readonly #directory: string;
  #fd: number;

  /**
   * Creates the directory if it is missing, and locks it.
   * @throws ProblemError `unprocessable` if another process has locked it
   */
  constructor(directory: string) {
    this.#directory = directory;
    this.#fd = lock(directory);
  }

  /**
   * Locks the directory that is at the path now, if others unmounted the file system or removed the directory and it
   * was made again. @throws ProblemError `unprocessable` if another process was faster
   */
  renew(): void {
    const now = statSync(this.#directory, { throwIfNoEntry: false });
    const held = fstatSync(this.#fd);
    if (now === undefined || (now.dev === held.dev && now.ino === held.ino)) return;
    const fresh = lock(this.#directory);
    closeSync(this.#fd);
    this.#fd = fresh;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function lock(directory: string): number {
  ensurePinDirectory(directory);
  const fd = openSync(directory, 'r');
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return fd;
  const code = errno();
  closeSync(fd);
  const why =
    errnoName(code) === 'EAGAIN' ? 'another agent owns it' : `${strerror(code)} (${errnoName(code)})`;
  throw new ProblemError('unprocessable', `lock the pins at ${directory}: ${why}`, {
    hint: 'Nothing was changed. Stop the other agent; one agent manages the pods of a node.',
  });
}
