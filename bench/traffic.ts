import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Kind of traffic that a client sends. Its amount counts requests, datagrams (`udp`) or bytes (`stream`). */
export type BenchTrafficKind = 'requests' | 'udp' | 'stream';

/** Result of one round of a traffic client. */
export interface TrafficRoundResult {
  /** Number of requests, datagrams or bytes sent. */
  amount: number;
  /** Seconds in which they were sent. */
  seconds: number;
  /** CPU time of the client's thread in that time, including interrupts charged to it. */
  cpuSeconds: number;
  /** Part of `amount` that reached the server. */
  arrived: number;
  /** Seconds from the start of the round until its last datagram or byte had arrived. */
  settledSeconds: number;
  /** Number of retransmitted TCP segments. */
  retransmits: number;
}

export interface TrafficPlacement {
  /** Path of the network namespace to run in; default the caller's. */
  netns?: string;
  /** CPU that the program is pinned to, with the real-time priority `priority` if given. */
  cpu?: number;
  priority?: number;
}

const folder = join(import.meta.dirname, '../.cache/bench');

/**
 * Compiles `bench/NAME.c` unless the program is up to date.
 * @returns the program's path, which is the same in the guest
 */
export function compileBenchProgram(name: string, flags: string[] = ['-static']): string {
  const source = join(import.meta.dirname, `${name}.c`);
  const program = join(folder, name);
  const made = statSync(program, { throwIfNoEntry: false });
  if (made && made.mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(folder, { recursive: true });
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', program, source, ...flags]);
  return program;
}

/**
 * Starts a program in a network namespace. The program is killed when this process ends and shares its standard
 * error.
 */
export function startInNamespace(
  { netns, cpu, priority }: TrafficPlacement,
  command: string[],
): ChildProcess {
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
  const env = {
    ...process.env,
    ...(cpu === undefined ? {} : { CPU: String(cpu) }),
    ...(priority === undefined ? {} : { PRIORITY: String(priority) }),
  };
  return spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...enter, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
}

/** Starts `traffic serve` and waits until it is ready. */
export async function startTrafficServer(place: TrafficPlacement): Promise<Disposable> {
  const child = startInNamespace(place, [compileBenchProgram('traffic'), 'serve']);
  await nextLine(createInterface({ input: child.stdout! })[Symbol.asyncIterator](), 'the traffic server');
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** A running `bench/traffic.c` in client mode, which sends one round of traffic per call. */
export class BenchTrafficClient implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  constructor(place: TrafficPlacement, traffic: BenchTrafficKind, address: string) {
    this.#child = startInNamespace(place, [compileBenchProgram('traffic'), traffic, address]);
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#name = `${traffic} to ${address}`;
  }

  async round(milliseconds: number): Promise<TrafficRoundResult> {
    this.#child.stdin!.write(`${milliseconds}\n`);
    const line = await nextLine(this.#lines, this.#name);
    const [amount = 0, seconds = 0, cpuSeconds = 0, arrived = 0, settledSeconds = 0, retransmits = 0] = line
      .split(' ')
      .map(Number);
    return { amount, seconds, cpuSeconds, arrived, settledSeconds, retransmits };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

async function nextLine(lines: AsyncIterator<string>, who: string): Promise<string> {
  const line = await lines.next();
  if (line.done) throw new Error(`${who} ended`);
  return line.value;
}
