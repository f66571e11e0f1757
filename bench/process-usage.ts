import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** CPU seconds of one tick of /proc/PID/stat: USER_HZ is 100 on every architecture that Node.js runs on. */
const tickSeconds = 0.01;

/** What a process used in one round. */
export interface ProcessUsage {
  /** CPU time in percent of one CPU, of all threads and of the kernel on their behalf. */
  cpuPercent: number;
  /** Median of the resident memory in MB (10^6 bytes), read once a second. */
  residentMb: number;
}

/** Measures processes during the same seconds. @returns one usage for each pid, in their order */
export async function measureProcessUsage(pids: readonly number[], seconds: number): Promise<ProcessUsage[]> {
  const start = performance.now();
  const before = pids.map(readCpuSeconds);
  const resident: number[][] = pids.map(() => []);
  for (let second = 1; second <= seconds; second++) {
    await sleep(start + second * 1000 - performance.now());
    for (const [i, pid] of pids.entries()) resident[i]!.push(readResidentMb(pid));
  }
  const elapsed = (performance.now() - start) / 1000;
  return pids.map((pid, i) => ({
    cpuPercent: ((readCpuSeconds(pid) - before[i]!) / elapsed) * 100,
    residentMb: resident[i]!.toSorted((a, b) => a - b)[resident[i]!.length >> 1]!,
  }));
}

/** CPU time of a process in user and kernel mode, in seconds: fields utime and stime of `proc_pid_stat(5)`. */
export function readCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickSeconds;
}

function readResidentMb(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return (Number(kib) * 1024) / 1e6;
}
