import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readlink } from '../ffi/libc.ts';

/** Length of the longest `net:[4294967295]`, and what is before and after the number. */
const linkBytes = 32;
const linkStart = 'net:['.length;
/** Largest number of new process ids that are looked at one by one; with more of them /proc is listed. */
const maxNew = 2048;
/** Time in ms for which a process of the agent's namespace is looked at again: it may enter another one at its start. */
const settleMs = 3000;
/** Maximum number of young processes that are remembered. */
const maxYoung = 4096;
/** Number of processes that are looked at before other work of the process has its turn. */
const turn = 512;

/**
 * Network namespaces of the processes of this PID namespace, by inode, except those that are not of interest. New
 * processes are found by the id that the kernel gave last, which /proc/loadavg has: looking costs as much as there are new
 * ones, not as there are processes.
 */
export class ProcessNamespaces {
  readonly #ignored: ReadonlySet<number>;
  readonly #root: string;
  readonly #members = new Map<number, Set<number>>();
  readonly #namespaceOf = new Map<number, number>();
  readonly #young = new Map<number, number>();
  readonly #link = Buffer.alloc(linkBytes);
  #lastPid = -1;

  /** @param ignored inodes of namespaces whose processes are not remembered: the agent's own */
  constructor(ignored: ReadonlySet<number>, root = '/proc') {
    this.#ignored = ignored;
    this.#root = root;
  }

  /** Returns the inodes of the namespaces that have processes. */
  namespaces(): Iterable<number> {
    return this.#members.keys();
  }

  /** Returns the processes of a namespace as they were seen last, oldest first. */
  processesIn(inode: number): readonly number[] {
    return [...(this.#members.get(inode) ?? [])].sort((a, b) => a - b);
  }

  /** Returns the number of processes of a namespace. */
  countIn(inode: number): number {
    return this.#members.get(inode)?.size ?? 0;
  }

  /**
   * Looks at processes that are new or were young at the last look.
   * @returns false if there are too many new ones, or the ids began again from the lowest: `searchAll` finds them
   */
  searchNew(now = performance.now()): boolean {
    const last = this.#readLastPid();
    const first = this.#lastPid;
    for (const [pid, since] of this.#young) {
      this.#look(pid);
      if (now - since > settleMs) this.#young.delete(pid);
    }
    this.#lastPid = last;
    if (first < 0 || last < first || last - first > maxNew) return false;
    for (let pid = first + 1; pid <= last; pid++)
      if (this.#look(pid) === 'ignored' && this.#young.size < maxYoung) this.#young.set(pid, now);
    return true;
  }

  /** Looks at all processes, and forgets those that have ended. Other work has its turn in between. */
  async searchAll(): Promise<void> {
    this.#lastPid = this.#readLastPid();
    const alive = new Set<number>();
    let looked = 0;
    for (const name of readdirSync(this.#root)) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      alive.add(pid);
      this.#look(pid, true);
      if (++looked % turn === 0) await nextTurn();
    }
    for (const pid of this.#namespaceOf.keys()) if (!alive.has(pid)) this.#forget(pid);
  }

  /** Forgets processes of a namespace that are no longer in it. @returns true if it has any left */
  refresh(inode: number): boolean {
    for (const pid of this.#members.get(inode) ?? []) this.#look(pid, true);
    return this.#members.has(inode);
  }

  /** @param leader true if the process is known to be the leader of its threads, as those are that /proc lists */
  #look(pid: number, leader = false): 'ignored' | 'remembered' | 'gone' {
    const inode = this.#readInode(pid);
    if (inode !== null && inode === this.#namespaceOf.get(pid)) return 'remembered';
    this.#forget(pid);
    if (inode === null) return 'gone';
    if (this.#ignored.has(inode)) return 'ignored';
    if (!leader && !this.#isLeader(pid)) return 'gone';
    this.#young.delete(pid);
    this.#namespaceOf.set(pid, inode);
    const members = this.#members.get(inode);
    if (members) members.add(pid);
    else this.#members.set(inode, new Set([pid]));
    return 'remembered';
  }

  #forget(pid: number): void {
    const inode = this.#namespaceOf.get(pid);
    if (inode === undefined) return;
    this.#namespaceOf.delete(pid);
    const members = this.#members.get(inode);
    members?.delete(pid);
    if (members?.size === 0) this.#members.delete(inode);
  }

  /** Reads the inode in /proc/PID/ns/net; null for a process that has ended, is a zombie or may not be looked at. */
  #readInode(pid: number): number | null {
    const length = readlink(`${this.#root}/${pid}/ns/net`, this.#link, linkBytes);
    if (length <= linkStart) return null;
    const inode = Number.parseInt(this.#link.toString('latin1', linkStart, length), 10);
    return Number.isNaN(inode) ? null : inode;
  }

  /** Tells processes from threads, which /proc does not list but has. */
  #isLeader(pid: number): boolean {
    try {
      const status = readFileSync(`${this.#root}/${pid}/status`, 'latin1');
      return Number(/^Tgid:\s*(\d+)/m.exec(status)?.[1]) === pid;
    } catch {
      return false;
    }
  }

  #readLastPid(): number {
    const fields = readFileSync(`${this.#root}/loadavg`, 'latin1').trim().split(' ');
    return Number(fields.at(-1));
  }
}
