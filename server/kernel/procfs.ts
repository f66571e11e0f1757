import { readFileSync, writeFileSync } from 'node:fs';
import { machine, release, version } from 'node:os';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { withNamespace } from '../netlink/setns.ts';

/** Time of one CPU since boot, in clock ticks. `busy` is all but idle and waiting for I/O, `softirq` a part of it. */
export interface CpuTime {
  busy: number;
  softirq: number;
  total: number;
}

/** One entry a CPU that is online, in the order of /proc/stat. */
export const cpuTimes = (): CpuTime[] => parseCpuTimes(readFileSync('/proc/stat', 'latin1'));

/** proc(5): `cpuN user nice system idle iowait irq softirq steal guest guest_nice`; guest is part of user. */
export function parseCpuTimes(text: string): CpuTime[] {
  return Array.from(text.matchAll(/^cpu\d+ (.*)$/gm), ([, fields = '']) => {
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields
      .trim()
      .split(/\s+/)
      .map(Number);
    const busy = user + nice + system + irq + softirq + steal;
    return { busy, softirq, total: busy + idle + iowait };
  });
}

/** Shares of the interval between two readings, 0 to 1. */
export const cpuShares = (before: CpuTime, after: CpuTime): { busy: number; softirq: number } => {
  const total = after.total - before.total;
  if (total <= 0) return { busy: 0, softirq: 0 };
  const share = (part: number) => Math.min(1, Math.max(0, part / total));
  return { busy: share(after.busy - before.busy), softirq: share(after.softirq - before.softirq) };
};

/** This process: CPU time used since its start, in seconds, and resident memory. */
export const ownUsage = (): { cpuSeconds: number; residentBytes: number } => {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
};

/** Changes at every boot. */
export const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

export const kernelVersion = (): { release: string; version: string; machine: string } => ({
  release: release(),
  version: version(),
  machine: machine(),
});

/**
 * Value of a sysctl by its path, `net/ipv4/conf/pl0/rp_filter` (paths, since interface names may hold dots), of
 * the present network namespace or the one of `namespaceFd`. @throws ProblemError kernel_refused
 */
export const readSysctl = (path: string, namespaceFd?: number): string =>
  inNamespace(`read sysctl ${path}`, path, namespaceFd, (file) => readFileSync(file, 'latin1').trim());

/** Sets a sysctl. @throws ProblemError kernel_refused */
export const writeSysctl = (path: string, value: string | number, namespaceFd?: number): void =>
  // No O_CREAT, no O_TRUNC: procfs files are only written to.
  inNamespace(`set sysctl ${path} to ${value}`, path, namespaceFd, (file) =>
    writeFileSync(file, `${value}\n`, { flag: 'r+' }),
  );

function inNamespace<T>(
  tried: string,
  path: string,
  namespaceFd: number | undefined,
  act: (file: string) => T,
): T {
  if (!/^[\w-]+(\/[^/\0]+)*$/.test(path) || path.split('/').includes('..'))
    throw new ProblemError('unprocessable', `${tried}: not the path of a sysctl`);
  const file = join('/proc/sys', path);
  try {
    return namespaceFd === undefined ? act(file) : withNamespace(namespaceFd, () => act(file));
  } catch (cause) {
    const answer = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new ProblemError('kernel_refused', `${tried}: ${answer}`, { cause });
  }
}
