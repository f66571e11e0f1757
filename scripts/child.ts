import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process we started. It gets SIGTERM when we die, however we die (`prctl(2)`, PR_SET_PDEATHSIG). */
export interface Child {
  name: string;
  pid: number;
  /** Resolves when it ended, in words: `ended with code 1`. */
  ended: Promise<string>;
  /** Ends it: SIGTERM, and SIGKILL when it has not ended in time. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Words for messages: `the agent`. */
  name: string;
  /** A program and its arguments. */
  command: string[];
  /** Arguments for setpriv(1), by default none but the signal. */
  privileges?: string[];
  env?: NodeJS.ProcessEnv;
  /** Written to its standard input, which then ends. */
  input?: string | undefined;
  /** Gets its standard output line by line. */
  onLine: (line: string) => void;
  /** How long `stop` waits before SIGKILL; default 5 s. */
  stopWithinMs?: number;
}

/**
 * Starts a process in a process group of its own, so that Ctrl-C reaches only us and we end things in order.
 * Its standard error is ours.
 */
export function startChild(options: ChildOptions): Child {
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

/** Waits for `ready`, and fails as soon as the child ends instead. */
export async function untilReady<T>(child: Child, ready: Promise<T>): Promise<T> {
  const ended = child.ended.then((how) => {
    throw new Error(`${child.name} ${how} before it was ready`);
  });
  return Promise.race([ready, ended]);
}
