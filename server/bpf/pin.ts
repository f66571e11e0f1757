import { mkdirSync, readdirSync, renameSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_obj_get, bpf_obj_pin } from '../ffi/libbpf.ts';
import { errno, mount } from '../ffi/libc.ts';
import { BpfError, checkBpfResult, failedWithErrno } from './bpf-error.ts';

/** BPF_FS_MAGIC, <linux/magic.h>. */
const bpffsMagic = 0xcafe4a11;
const bpffsMount = '/sys/fs/bpf';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === bpffsMagic;
  } catch (error) {
    if (isMissing(error) && dirname(path) !== path) return isBpffs(dirname(path));
    throw error;
  }
}

/**
 * Creates directory `path` in the bpf file system, which is mounted at /sys/fs/bpf if it is not yet.
 * @throws ProblemError `unprocessable` for a path outside of a bpf file system, `kernel_refused`
 */
export function ensurePinDirectory(path: string): void {
  if (!isBpffs(path)) {
    if (path !== bpffsMount && !path.startsWith(`${bpffsMount}/`))
      throw new ProblemError('unprocessable', `pins at ${path}: not in a bpf file system`, {
        hint: `choose a directory below ${bpffsMount}`,
      });
    if (mount('bpf', bpffsMount, 'bpf', 0, 'mode=0700') < 0)
      throw new BpfError(`mount the bpf file system at ${bpffsMount}`, errno());
  }
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Lists the names in a directory of pins; empty if the directory does not exist. */
export function listPinNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Pins a BPF object by its descriptor. @throws BpfError EEXIST if the path exists */
export function pinBpfObject(fd: number, path: string): void {
  checkBpfResult(`pin ${path}`, bpf_obj_pin(fd, path));
}

/** Pins a BPF object by its descriptor, atomically replacing an older pin at this path. */
export function replacePin(fd: number, path: string): void {
  const fresh = `${path}-new`;
  removePin(fresh);
  pinBpfObject(fd, fresh);
  renameSync(fresh, path);
}

/** Opens the BPF object pinned at `path`. @returns a descriptor for the caller to close, or null if there is no pin */
export function openPinnedObject(path: string): number | null {
  const fd = bpf_obj_get(path);
  if (failedWithErrno(fd, 'ENOENT')) return null;
  return recordOpenedDescriptor(checkBpfResult(`open pin ${path}`, fd), `pin ${path}`);
}

/** Removes a pin; does nothing if there is none. */
export function removePin(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Removes a directory of pins with its subdirectories; does nothing if it does not exist. */
export function removePinDirectory(directory: string): void {
  for (const entry of pinnedEntries(directory))
    if (entry.isDirectory()) removePinDirectory(join(directory, entry.name));
    else removePin(join(directory, entry.name));
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function pinnedEntries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
