import type { NodeSample } from '../../contract/node.ts';
import { readBpfProgramInfoById } from '../bpf/program-info.ts';
import { computeCpuShares, readCpuTimes, readOwnResourceUsage } from '../kernel/procfs.ts';

/** Measures CPU and memory use of the node and of this process. CPU shares cover the time since the last reading. */
export class NodeMeter {
  #cpus = readCpuTimes();
  #own = readOwnResourceUsage();
  #at = performance.now();

  /**
   * Returns a sample of the node's CPU and memory use.
   * @param readMs duration in ms of reading the counters of all slots
   */
  read(sequence: number, readMs: number, programIds: readonly number[]): NodeSample {
    const [cpus, own, at] = [readCpuTimes(), readOwnResourceUsage(), performance.now()];
    const seconds = (at - this.#at) / 1000;
    const spent = own.cpuSeconds - this.#own.cpuSeconds;
    const sample: NodeSample = {
      time: Date.now(),
      sequence,
      readMs,
      // A CPU that came online since the last reading starts with shares of 0.
      cpus: cpus.map((times, i) => computeCpuShares(this.#cpus[i] ?? times, times)),
      agent: { cpu: seconds > 0 ? Math.min(1, spent / seconds) : 0, residentBytes: own.residentBytes },
      programs: programIds.flatMap((id) => {
        const info = readBpfProgramInfoById(id);
        return info ? { id, runCount: info.runCount, runTimeNs: info.runTimeNs } : [];
      }),
    };
    this.#cpus = cpus;
    this.#own = own;
    this.#at = at;
    return sample;
  }
}
