import { readFileSync, readlinkSync } from 'node:fs';
import { watchMounts } from './mount-watch.ts';
import { listMountedNamespaces } from './namespace-search.ts';

/** A mount table to read, and what has to be before its paths to open them from this process. */
interface MountTable {
  mountinfo: string;
  prefix: string;
}

/**
 * Network namespaces that are mounted somewhere, by inode: in this process's mount namespace and, where it is another one,
 * in that of process 1.
 */
export class MountedNamespaces {
  readonly #tables: readonly MountTable[];
  readonly #stops: (() => void)[] = [];
  #mounts = new Map<number, string[]>();

  constructor() {
    const own = { mountinfo: '/proc/self/mountinfo', prefix: '' };
    const first = { mountinfo: '/proc/1/mountinfo', prefix: '/proc/1/root' };
    this.#tables = isOtherMountNamespace(1) ? [own, first] : [own];
  }

  namespaces(): Iterable<number> {
    return this.#mounts.keys();
  }

  /** Returns the paths at which a namespace is mounted. */
  pathsOf(inode: number): readonly string[] {
    return this.#mounts.get(inode) ?? [];
  }

  /** Calls `changed` when mounts change, until `close`. Where the kernel cannot tell, `read` has to be called anyway. */
  watch(changed: () => void): void {
    for (const { mountinfo } of this.#tables) {
      try {
        this.#stops.push(watchMounts(mountinfo, changed));
      } catch {
        // It may not be opened; it is read all the same, and tried again then.
      }
    }
  }

  /** Reads the mounts. */
  read(): void {
    const found = new Map<number, string[]>();
    for (const { mountinfo, prefix } of this.#tables)
      for (const { inode, path } of listMountedNamespaces(readText(mountinfo))) {
        const paths = found.get(Number(inode));
        if (paths) paths.push(prefix + path);
        else found.set(Number(inode), [prefix + path]);
      }
    this.#mounts = found;
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }
}

function isOtherMountNamespace(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt');
  } catch {
    return false;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
