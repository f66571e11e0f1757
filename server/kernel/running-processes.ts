import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { singleFlight } from '../async/single-flight.ts';

/** Maximum number of processes that one reading looks at. */
const maxProcesses = 65_536;
/** Number of processes that are read at the same time. */
const atOnce = 64;
/** Milliseconds for which a reading is used again: a preflight looks at many pods at once. */
const reuseMs = 1000;
/** Inode number of the PID namespace that the kernel starts with, PROC_PID_INIT_INO of <linux/proc_ns.h>. */
const initialPidNamespace = 'pid:[4026531836]';

/** A process that the agent sees in /proc. */
export interface RunningProcess {
  pid: number;
  /** Name of its program from the command line, since a process may change its /proc/PID/comm. */
  program: string;
  netnsInode: bigint;
}

let last: { at: number; processes: RunningProcess[] } | null = null;
const readAgain = singleFlight(async () => {
  const processes = await readProcesses();
  last = { at: performance.now(), processes };
  return processes;
});

/** Lists the running processes, as of the last second. One that ends while it is read is left out. */
export const listRunningProcesses = async (): Promise<readonly RunningProcess[]> =>
  last !== null && performance.now() - last.at < reuseMs ? last.processes : readAgain();

/** Returns true if the agent sees the processes of the whole node: it runs in the node's own PID namespace. */
export async function seesAllProcesses(): Promise<boolean> {
  return (await readlink('/proc/self/ns/pid').catch(() => '')) === initialPidNamespace;
}

async function readProcesses(): Promise<RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).slice(0, maxProcesses);
  const found: RunningProcess[] = [];
  for (let start = 0; start < pids.length; start += atOnce) {
    const read = await Promise.all(pids.slice(start, start + atOnce).map(readProcess));
    found.push(...read.filter((each) => each !== null));
  }
  return found;
}

async function readProcess(pid: string): Promise<RunningProcess | null> {
  try {
    const [link, line] = await Promise.all([
      readlink(`/proc/${pid}/ns/net`),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const inode = /^net:\[(\d+)\]$/.exec(link)?.[1];
    if (inode === undefined) return null;
    // A process that changes its title writes all arguments as one.
    const [first = ''] = line.split(/[\0 ]/);
    const program = basename(first) || (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
    return { pid: Number(pid), program, netnsInode: BigInt(inode) };
  } catch {
    return null; // it has ended
  }
}
