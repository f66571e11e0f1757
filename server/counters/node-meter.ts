import { readFileSync } from 'node:fs';
import type { NodeSample } from '../../contract/node.ts';
import { programInfoById } from '../bpf/program.ts';

/** Jiffies since boot of one CPU. */
export interface CpuTimes {
  busy: number;
  softirq: number;
  total: number;
}

/**
 * The `cpuN` lines of /proc/stat (proc(5)): user nice system idle iowait irq softirq steal; guest times are
 * within user and nice. CPUs that are off have no line.
 */
export function parseCpuTimes(stat: string): Map<number, CpuTimes> {
  const cpus = new Map<number, CpuTimes>();
  for (const [, number, rest] of stat.matchAll(/^cpu(\d+) (.*)$/gm)) {
    const times = rest!.trim().split(/\s+/).slice(0, 8).map(Number);
    const total = times.reduce((sum, time) => sum + time, 0);
    const idle = (times[3] ?? 0) + (times[4] ?? 0);
    cpus.set(Number(number), { busy: total - idle, softirq: times[6] ?? 0, total });
  }
  return cpus;
}

const share = (part: number, whole: number): number =>
  whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;

/** Shares of the interval between two readings, by CPU; 0 for a CPU seen the first time. */
export function cpuShares(before: ReadonlyMap<number, CpuTimes>, now: ReadonlyMap<number, CpuTimes>) {
  return Array.from(now, ([number, times]) => {
    const old = before.get(number) ?? times;
    const total = times.total - old.total;
    return { busy: share(times.busy - old.busy, total), softirq: share(times.softirq - old.softirq, total) };
  });
}

/** Reads what the node and this process spend. Shares are over the time since the last reading. */
export class NodeMeter {
  #cpus: ReadonlyMap<number, CpuTimes> = new Map();
  #own = process.cpuUsage();
  #at = performance.now();

  read(sequence: number, readMs: number, programIds: readonly number[]): NodeSample {
    const cpus = parseCpuTimes(readFileSync('/proc/stat', 'latin1'));
    const own = process.cpuUsage();
    const at = performance.now();
    const spentMs = (own.user + own.system - this.#own.user - this.#own.system) / 1000;
    const sample: NodeSample = {
      time: Date.now(),
      sequence,
      readMs,
      cpus: cpuShares(this.#cpus, cpus),
      agent: { cpu: share(spentMs, at - this.#at), residentBytes: process.memoryUsage.rss() },
      programs: programIds.flatMap((id) => {
        const info = programInfoById(id);
        return info ? { id, runCount: info.runCount, runTimeNs: info.runTimeNs } : [];
      }),
    };
    this.#cpus = cpus;
    this.#own = own;
    this.#at = at;
    return sample;
  }
}
