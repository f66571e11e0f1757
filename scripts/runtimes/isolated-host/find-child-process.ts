import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcessHandle } from '../../child-process.ts';

/** Waits until a child process has a child, and returns its id; the child's own once that has ended. */
export async function findChildProcess(child: ChildProcessHandle): Promise<number> {
  let over = false;
  // Never rejects: it resolves with the way the process ended.
  void child.ended.then(() => {
    over = true;
  });
  for (;;) {
    const found = readdirSync('/proc').find((name) => /^\d+$/.test(name) && readParent(name) === child.pid);
    if (found !== undefined) return Number(found);
    if (over) return child.pid;
    await sleep(10);
  }
}

/** Returns the parent of a process, out of /proc/PID/stat, whose second field may hold anything (proc(5)). */
function readParent(pid: string): number | undefined {
  try {
    return Number(/^.*\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  } catch {
    return undefined; // it has ended
  }
}
