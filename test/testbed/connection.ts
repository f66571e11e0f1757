import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const program = new URL('./echo.ts', import.meta.url).pathname;
const port = '7000';

/** One TCP connection between two namespaces, carrying a request and its echo every 5 ms. */
export interface TestConnection extends Disposable {
  /** Echoes so far; fails when the connection broke, which is never mended. */
  echoes(): number;
  /** Resolves when one more echo has come. @throws Error when none does in 30 s */
  carries(): Promise<void>;
}

/** @param from namespace of the client @param to namespace of the server, at `address` */
export async function openTestConnection(from: string, to: string, address: string): Promise<TestConnection> {
  const server = start(to, ['serve', port]);
  await line(server);
  const client = start(from, ['talk', port, address]);
  let echoes = 0;
  let broken: string | null = null;
  createInterface({ input: client.stdout! }).on('line', (text) => {
    if (text.startsWith('broken')) broken = text;
    else echoes = Number(text);
  });
  const read = (): number => {
    if (broken) throw new Error(`TCP connection to ${address}: ${broken}`);
    if (client.exitCode !== null) throw new Error(`TCP client ended with code ${client.exitCode}`);
    return echoes;
  };
  const connection: TestConnection = {
    echoes: read,
    async carries() {
      const before = read();
      const deadline = Date.now() + 30_000;
      while (read() <= before) {
        if (Date.now() > deadline) throw new Error(`TCP connection to ${address}: no echo for 30 s`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    [Symbol.dispose]() {
      client.kill('SIGKILL');
      server.kill('SIGKILL');
    },
  };
  try {
    await line(client); // its start, which a busy machine takes seconds for, is no time without an echo
    await connection.carries();
  } catch (error) {
    connection[Symbol.dispose]();
    throw error;
  }
  return connection;
}

const start = (netns: string, args: string[]): ChildProcess =>
  spawn('nsenter', [`--net=${netns}`, process.execPath, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

const line = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout!.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`TCP process ended with code ${code}`)));
  });
