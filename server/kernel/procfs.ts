import { readFileSync } from 'node:fs';

/** Time of one CPU since boot in clock ticks. `busy` excludes idle time and I/O wait, and includes `softirq`. */
export interface CpuTime {
  busy: number;
  softirq: number;
  total: number;
}

/** Reads the times of all online CPUs in the order of /proc/stat. */
export const readCpuTimes = (): CpuTime[] => parseProcStatCpuTimes(readFileSync('/proc/stat', 'latin1'));

/** Parses the CPU lines of /proc/stat (proc(5)): `cpuN user nice system idle iowait irq softirq steal …`. */
export function parseProcStatCpuTimes(text: string): CpuTime[] {
  return Array.from(text.matchAll(/^cpu\d+ (.*)$/gm), ([, fields = '']) => {
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields
      .trim()
      .split(/\s+/)
      .map(Number);
    const busy = user + nice + system + irq + softirq + steal;
    return { busy, softirq, total: busy + idle + iowait };
  });
}

/** Returns a CPU's shares of busy and softirq time between two readings, from 0 to 1. */
export const computeCpuShares = (before: CpuTime, after: CpuTime): { busy: number; softirq: number } => {
  const total = after.total - before.total;
  if (total <= 0) return { busy: 0, softirq: 0 };
  const share = (part: number) => Math.min(1, Math.max(0, part / total));
  return { busy: share(after.busy - before.busy), softirq: share(after.softirq - before.softirq) };
};

/** Returns the CPU time of this process in seconds and its resident memory in bytes. */
export const readOwnResourceUsage = (): { cpuSeconds: number; residentBytes: number } => {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
};

/** Returns the kernel's boot id, a UUID that changes at every boot. */
export const readKernelBootId = (): string =>
  readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
