import { mkdirSync, readdirSync, renameSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { bpf_obj_get, bpf_obj_pin } from '../ffi/libbpf.ts';
import { errno, mount } from '../ffi/libc.ts';
import { checkResult, BpfError } from './syscall.ts';

/** BPF_FS_MAGIC (linux/magic.h). */
const bpffsMagic = 0xcafe4a11;
const bpffsPlace = '/sys/fs/bpf';

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
 * Makes `path` a directory of a bpf file system, mounting that at /sys/fs/bpf where it is not.
 * @throws ProblemError `unprocessable` for a path elsewhere, `kernel_refused`
 */
export function ensurePinDirectory(path: string): void {
  if (!isBpffs(path)) {
    if (path !== bpffsPlace && !path.startsWith(`${bpffsPlace}/`))
      throw new ProblemError('unprocessable', `pins at ${path}: not in a bpf file system`, {
        hint: `choose a directory below ${bpffsPlace}`,
      });
    if (mount('bpf', bpffsPlace, 'bpf', 0, 'mode=0700') < 0)
      throw new BpfError(`mount the bpf file system at ${bpffsPlace}`, errno());
  }
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Names in a pin directory; empty where there is none. */
export function pinnedNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Pins the object behind `fd`. @throws BpfError, EEXIST where the name is taken */
export function pin(fd: number, path: string): void {
  checkResult(`pin ${path}`, bpf_obj_pin(fd, path));
}

/** As `pin`, in place of what was pinned there, with no moment in between. */
export function pinOver(fd: number, path: string): void {
  const fresh = `${path}-new`;
  unpin(fresh);
  pin(fd, fresh);
  renameSync(fresh, path);
}

/** A new descriptor of what is pinned at `path`, or null where nothing is. The caller closes it. */
export function openPinned(path: string): number | null {
  const fd = bpf_obj_get(path);
  if (fd < 0 && new BpfError('', -fd).errnoName === 'ENOENT') return null;
  return checkResult(`open pinned ${path}`, fd);
}

/** Removes a pin; none is as well. */
export function unpin(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Removes a directory of pins with its subdirectories. */
export function removePinDirectory(directory: string): void {
  for (const entry of pinnedEntries(directory))
    if (entry.isDirectory()) removePinDirectory(join(directory, entry.name));
    else unpin(join(directory, entry.name));
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
