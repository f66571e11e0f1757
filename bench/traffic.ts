import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What one client does, and what its amount counts: requests, datagrams, bytes. */
export type Traffic = 'requests' | 'udp' | 'stream';

/** What a client says of one round. `cpuSeconds` is its thread's, the interrupts on it included. */
export interface TrafficRound {
  amount: number;
  seconds: number;
  cpuSeconds: number;
  arrived: number;
  /** Until the last had arrived. */
  settledSeconds: number;
  /** TCP segments. */
  retransmits: number;
}

export interface TrafficPlacement {
  /** Path of the network namespace; ours without. */
  netns?: string;
  /** Pins it there, with real-time priority where one is given. */
  cpu?: number;
  priority?: number;
}

const folder = join(import.meta.dirname, '../.cache/bench');

/** Compiles `NAME.c` of this folder where it is newer than its program. @returns the program's path, in the guest too */
export function compile(name: string, flags: string[] = ['-static']): string {
  const source = join(import.meta.dirname, `${name}.c`);
  const program = join(folder, name);
  const made = statSync(program, { throwIfNoEntry: false });
  if (made && made.mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(folder, { recursive: true });
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', program, source, ...flags]);
  return program;
}

/** Starts a program that ends when we do, at a place. Its standard error is ours. */
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

/** `traffic serve` at a place, ready. */
export async function serve(place: TrafficPlacement): Promise<Disposable> {
  const child = startInNamespace(place, [compile('traffic'), 'serve']);
  await nextLine(createInterface({ input: child.stdout! })[Symbol.asyncIterator](), 'the traffic server');
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

/** `bench/traffic.c` as a client, one round at a time. */
export class Client implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #name: string;

  constructor(place: TrafficPlacement, traffic: Traffic, address: string) {
    this.#child = startInNamespace(place, [compile('traffic'), traffic, address]);
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#name = `${traffic} to ${address}`;
  }

  async round(milliseconds: number): Promise<TrafficRound> {
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
