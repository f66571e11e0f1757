import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child process, which the kernel sends SIGTERM when this process dies (PR_SET_PDEATHSIG, `prctl(2)`). */
export interface ChildProcessHandle {
  name: string;
  pid: number;
  /** Resolves once the child process has exited, with a phrase such as `ended with code 1`. */
  ended: Promise<string>;
  /** Sends SIGTERM to the child process, then SIGKILL if it does not exit in time. */
  stop(): Promise<void>;
}

export interface ChildProcessOptions {
  /** Name of the child process in messages, such as `the agent`. */
  name: string;
  /** Command line of the child process: the program followed by its arguments. */
  command: string[];
  /** Further arguments for setpriv(1), for example to drop capabilities. */
  privileges?: string[];
  env?: NodeJS.ProcessEnv;
  /** Text written to the child's standard input, which is then closed. */
  input?: string | undefined;
  /** Receives each line of the child's standard output. */
  onLine: (line: string) => void;
  /** Time that `stop` waits before it sends SIGKILL, in ms; default 5000. */
  stopWithinMs?: number;
}

/**
 * Starts a process in a process group of its own, so that Ctrl-C reaches only us and we end things in order.
 * Its standard error is ours.
 */
export function startChildProcess(options: ChildProcessOptions): ChildProcessHandle {
  const { name, command, privileges = [], env, input, onLine, stopWithinMs = 5_000 } = options;
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...privileges, '--', ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    ...(env === undefined ? {} : { env }),
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  createInterface({ input: child.stdout }).on('line', onLine);
  const ended = endOf(child);
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    },
  };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve(`could not be started: ${error.message} (setpriv is in util-linux)`),
    );
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    );
  });
}

/** Waits for the promise `ready`. @throws Error if the child process exits first */
export async function waitUntilReady<T>(child: ChildProcessHandle, ready: Promise<T>): Promise<T> {
  const ended = child.ended.then((how) => {
    throw new Error(`${child.name} ${how} before it was ready`);
  });
  return Promise.race([ready, ended]);
}
