import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BpfArrayMap, createMmapableArrayMap } from '../server/bpf/array-map.ts';
import { sweptCounterCount } from '../server/bpf/counter-layout.ts';
import { CounterMap } from '../server/bpf/counter-map.ts';
import { dropCountersSize, slotCountersSize } from '../server/bpf/datapath-structs.ts';
import { libbpf_num_possible_cpus } from '../server/ffi/libbpf.ts';
import { type BenchReporter, summarizeRuns } from './report.ts';
import type { BenchOptions } from './run.ts';

/** Map type that each C program of the comparison sweeps (`bench/counters.c`), by the program's name in the figures. */
const peers = { 'c-batch': 'hash', 'c-batch-array': 'array' } as const;

/**
 * Time to read all devices' counters, summed over the CPUs: ours through the mapping, the peers' by C programs
 * with `bpf_map_lookup_batch`, of a per-CPU hash keyed by ifindex and of a per-CPU array. All sweep the same
 * entries in turn, and what they read is compared every time.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'podlane-bench-'));
  try {
    const program = join(directory, 'counters');
    execFileSync('gcc', ['-O2', '-Wall', '-o', program, join(import.meta.dirname, 'counters.c'), '-lbpf']);
    for (const devices of [1000, 10_000, 100_000]) {
      progress(`counters of ${devices} devices`);
      const runs = (quick ? 10 : 60) / (devices === 100_000 ? 2 : 1);
      const { ours, theirs } = await compare(program, devices, runs);
      const our = summarizeRuns(ours);
      for (const [peer, times] of theirs) {
        const peerValue = summarizeRuns(times).value;
        const figure = { ...our, unit: 'ms', peer, peerValue, ratio: our.value / peerValue };
        report({ bench: 'counters', metric: 'sweep_ms', devices, ...figure });
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function compare(program: string, devices: number, runs: number) {
  const { fd, counters } = makeCounters(devices);
  const running = Object.entries(peers).map(
    ([name, map]) => [name, new Peer(program, devices, counters.cpus, map, fd)] as const,
  );
  try {
    const out = new BigUint64Array(devices * sweptCounterCount);
    const ours: number[] = [];
    const theirs = new Map(running.map(([name]) => [name, [] as number[]]));
    // The first rounds warm all up: compiled code here, page tables there.
    for (let round = -10; round < runs; round += 1) {
      const start = performance.now();
      counters.sweep(out);
      const ms = performance.now() - start;
      if (round >= 0) ours.push(ms);
      const sum = out.reduce((sum, value) => BigInt.asUintN(64, sum + value), 0n);
      for (const [name, peer] of running) {
        const answer = await peer.sweep();
        if (answer.sum !== sum) throw new Error(`sums differ: ours ${sum}, ${name}'s ${answer.sum}`);
        if (round >= 0) theirs.get(name)!.push(answer.ms);
      }
    }
    return { ours, theirs };
  } finally {
    for (const [, peer] of running) peer.close();
    counters.close();
    closeSync(fd);
  }
}

/** Creates the counter maps as `bpf/datapath.bpf.c` declares them and fills every counter with a nonzero value. */
function makeCounters(devices: number): { fd: number; counters: CounterMap } {
  const entries = libbpf_num_possible_cpus() * devices;
  const fd = createMmapableArrayMap('bench_counters', slotCountersSize, entries);
  const drops = createMmapableArrayMap('bench_drops', dropCountersSize, entries);
  const counters = new CounterMap({ counters: fd, drops }, devices);
  closeSync(drops);
  const array = new BpfArrayMap(fd, 'bench_counters', slotCountersSize);
  const value = new BigUint64Array(sweptCounterCount);
  for (let index = 0; index < entries; index += 1) {
    for (let i = 0; i < sweptCounterCount; i += 1)
      value[i] = 2n ** 40n + BigInt(index * sweptCounterCount + i);
    array.set(index, Buffer.from(value.buffer));
  }
  return { fd, counters };
}

/** A running `bench/counters.c`, which sweeps its map once per request. */
class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, devices: number, cpus: number, map: string, fd: number) {
    this.#child = spawn(program, [String(devices), String(cpus), map], {
      stdio: ['pipe', 'pipe', 'inherit', fd],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async sweep(): Promise<{ ms: number; sum: bigint }> {
    this.#child.stdin!.write('.');
    const line = await this.#lines.next();
    if (line.done) throw new Error('the C peer ended');
    const [ms = '', sum = ''] = line.value.split(' ');
    return { ms: Number(ms), sum: BigInt(sum) };
  }

  close(): void {
    this.#child.stdin!.end();
  }
}
