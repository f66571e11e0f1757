import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const program = new URL('./masqueraded-traffic-process.ts', import.meta.url).pathname;

/** TCP and UDP connections between two namespaces, echoed all the time. */
export interface TestTraffic extends Disposable {
  /** Why TCP connections broke; empty while all live. */
  broken(): readonly string[];
  /** Number of datagrams sent so far. */
  datagrams(): number;
  /** Resolves when each connection has had `echoes` more. @throws Error when one breaks or has none for 30 s */
  carries(echoes?: number): Promise<void>;
  /** Resolves when a TCP connection has broken. @throws Error when none does in 30 s */
  breaks(): Promise<void>;
  /** Stops sending. @returns the number of datagrams that had no echo */
  stop(): Promise<number>;
}

/** A line of the sending process. */
interface Report {
  broken: string[];
  /** Echoes of the connection that has had fewest. */
  fewest: number;
  datagrams: number;
  lostDatagrams: number;
  ended: boolean;
}

interface TrafficEnds {
  from: string;
  to: string;
  /** Where the server listens. */
  serverPort: number;
  /** What the client connects to; of several addresses each gets every so many connections. */
  address: string | readonly string[];
  port: number;
  tcp: number;
  udp: number;
  /** Pause between two messages of a connection; default 10. */
  intervalMs?: number;
}

/** Starts the connections and waits until each carries. @param ends namespaces, by name */
export async function startTestTraffic(ends: TrafficEnds): Promise<TestTraffic> {
  const server = start(ends.to, ['serve', ends.serverPort]);
  await firstLine(server);
  const client = start(ends.from, [
    'talk',
    ends.port,
    [ends.address].flat().join(),
    ends.tcp,
    ends.udp,
    ends.intervalMs ?? 10,
  ]);
  let report: Report = { broken: [], fewest: 0, datagrams: 0, lostDatagrams: 0, ended: false };
  createInterface({ input: client.stdout! }).on('line', (line) => {
    if (!report.ended) report = JSON.parse(line);
  });
  const wait = async (condition: () => boolean, text: string): Promise<void> => {
    for (const deadline = Date.now() + 30_000; !condition(); ) {
      if (client.exitCode !== null || client.signalCode !== null)
        throw new Error(`traffic ended with code ${client.exitCode ?? client.signalCode}`);
      if (Date.now() > deadline) throw new Error(`${text} for 30 s (fewest echoes: ${report.fewest})`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const traffic: TestTraffic = {
    broken: () => report.broken,
    datagrams: () => report.datagrams,
    async carries(echoes = 5) {
      const before = report.fewest;
      await wait(() => report.broken.length > 0 || report.fewest >= before + echoes, 'no echo');
      if (report.broken.length > 0)
        throw new Error(`${report.broken.length} connections: ${report.broken[0]}`);
    },
    breaks: () => wait(() => report.broken.length > 0, 'no connection broke'),
    async stop() {
      client.stdin!.end();
      await wait(() => report.ended, 'traffic did not stop');
      return report.lostDatagrams;
    },
    [Symbol.dispose]() {
      client.kill('SIGKILL');
      server.kill('SIGKILL');
    },
  };
  try {
    await traffic.carries();
  } catch (error) {
    traffic[Symbol.dispose]();
    throw error;
  }
  return traffic;
}

const start = (netns: string, args: (string | number)[]): ChildProcess =>
  spawn('ip', ['netns', 'exec', netns, process.execPath, program, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });

const firstLine = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`traffic ended with code ${code}`)));
  });
