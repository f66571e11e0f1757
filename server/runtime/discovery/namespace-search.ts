import { MountedNamespaces } from '../../kernel/mounted-namespaces.ts';
import { ProcessNamespaces } from '../../kernel/process-namespaces.ts';

/** Time in ms after which mounts and all processes are read again although the kernel reported no change. */
const fullSearchMs = 30_000;

/** Finds the network namespaces of the node by their mounts and processes, and the paths to open them. */
export class NamespaceSearch {
  readonly #mounts = new MountedNamespaces();
  readonly #processes: ProcessNamespaces;
  #mountsChanged = true;
  #fullAt = 0;

  /** @param ignored inodes of the namespaces that are the node's own */
  constructor(ignored: ReadonlySet<number>) {
    this.#processes = new ProcessNamespaces(ignored);
  }

  /** Calls `changed` when mounts have changed, so that a search may find something. */
  watch(changed: () => void): void {
    this.#mounts.watch(() => {
      this.#mountsChanged = true;
      changed();
    });
  }

  /**
   * Searches for what is new since the last search.
   * @param full true to look at every process: one that has long been there may have entered another namespace
   */
  async search(full = false): Promise<void> {
    const now = performance.now();
    const all = full || now >= this.#fullAt;
    if (all) this.#fullAt = now + fullSearchMs;
    if (this.#mountsChanged || all) {
      this.#mountsChanged = false;
      this.#mounts.read();
    }
    if (!this.#processes.searchNew(now) || all) await this.#processes.searchAll();
  }

  /** Returns the inodes of all namespaces found. */
  namespaces(): Set<number> {
    return new Set([...this.#mounts.namespaces(), ...this.#processes.namespaces()]);
  }

  mountsOf(inode: number): readonly string[] {
    return this.#mounts.pathsOf(inode);
  }

  /** Returns the processes of a namespace as they were seen last, oldest first. */
  processesIn(inode: number): readonly number[] {
    return this.#processes.processesIn(inode);
  }

  countProcesses(inode: number): number {
    return this.#processes.countIn(inode);
  }

  /** Returns true if a namespace is mounted or has a process that is still in it. */
  isReachable(inode: number): boolean {
    return this.#mounts.pathsOf(inode).length > 0 || this.#processes.refresh(inode);
  }

  /** Returns paths to open a namespace: its mounts, then its processes. */
  pathsOf(inode: number): string[] {
    return [
      ...this.#mounts.pathsOf(inode),
      ...this.#processes.processesIn(inode).map((pid) => `/proc/${pid}/ns/net`),
    ];
  }

  close(): void {
    this.#mounts.close();
  }
}
