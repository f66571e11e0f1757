import { Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../contract/problem.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import {
  close,
  errno,
  pipe2,
  posix_spawn,
  posix_spawn_file_actions_adddup2,
  posix_spawn_file_actions_destroy,
  posix_spawn_file_actions_init,
  posix_spawnattr_init,
  posix_spawnattr_setflags,
  posix_spawnattr_setsigdefault,
  posix_spawnattr_setsigmask,
  strerror,
  waitpid,
} from '../ffi/libc.ts';

const O_CLOEXEC = 0x8_0000;
const WNOHANG = 1;
const ECHILD = 10;
const EINTR = 4;
/** Flags POSIX_SPAWN_SETSIGDEF and POSIX_SPAWN_SETSIGMASK, <spawn.h>. */
const spawnFlags = 0x04 | 0x08;
const fileActionsBytes = 80;
const attributesBytes = 336;
const signalSetBytes = 128;
/** Number of looks for the end of a program whose output has ended, before the pauses. */
const looks = 50;

export interface ProgramRun {
  program: string;
  environment: Readonly<Record<string, string>>;
  input: string;
  timeoutMs: number;
  /** Limit of its output in bytes, of either stream. */
  maxOutput: number;
}

export interface ProgramResult {
  /** Exit code; null if a signal ended the program. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end, in this process's namespaces. By posix_spawn, since Node's spawn copies the page tables of the
 * agent: 10 ms against 1.
 * @throws ProblemError `delegate_failed` if it cannot be started, takes too long or prints too much; it has ended then
 */
export async function runProgram({
  program,
  environment,
  input,
  timeoutMs,
  maxOutput,
}: ProgramRun): Promise<ProgramResult> {
  const [stdin, stdout, stderr] = [openPipe(program), openPipe(program), openPipe(program)];
  const pid = startProgram(program, environment, [stdin.read, stdout.write, stderr.write]);
  for (const fd of [stdin.read, stdout.write, stderr.write]) close(fd);
  if (typeof pid !== 'number') {
    for (const fd of [stdin.write, stdout.read, stderr.read]) close(fd);
    throw pid.error;
  }
  let late: ProblemError | null = null;
  const end = (why: string): void => {
    late ??= new ProblemError('delegate_failed', `run ${program}: ${why}`);
    process.kill(pid, 'SIGKILL');
  };
  const timer = setTimeout(() => end(`it did not end within ${timeoutMs} ms`), timeoutMs);
  try {
    writeInput(stdin.write, input);
    const tooMuch = (): void => end(`it printed more than ${maxOutput} bytes`);
    const [out, err] = await Promise.all([
      readOutput(stdout.read, maxOutput, tooMuch),
      readOutput(stderr.read, maxOutput, tooMuch),
    ]);
    const code = await waitForEnd(pid);
    if (late !== null) throw late;
    return { code, stdout: out, stderr: err };
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a program. @returns its process id, or the error */
function startProgram(
  program: string,
  environment: ProgramRun['environment'],
  descriptors: readonly number[],
): number | { error: ProblemError } {
  const actions = Buffer.alloc(fileActionsBytes);
  const attributes = Buffer.alloc(attributesBytes);
  posix_spawn_file_actions_init(actions);
  posix_spawnattr_init(attributes);
  // Node ignores SIGPIPE, and a program would inherit that.
  posix_spawnattr_setsigdefault(attributes, Buffer.alloc(signalSetBytes, 0xff));
  posix_spawnattr_setsigmask(attributes, Buffer.alloc(signalSetBytes));
  posix_spawnattr_setflags(attributes, spawnFlags);
  for (const [target, fd] of descriptors.entries()) posix_spawn_file_actions_adddup2(actions, fd, target);
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const pid = Buffer.alloc(4);
  const failed = posix_spawn(pid, program, actions, attributes, [program, null], [...variables, null]);
  posix_spawn_file_actions_destroy(actions);
  if (failed === 0) return pid.readInt32LE();
  return {
    error: new ProblemError('delegate_failed', `run ${program}: ${strerror(failed)}`, {
      hint: 'Is it there, and executable?',
    }),
  };
}

function openPipe(program: string): { read: number; write: number } {
  const ends = Buffer.alloc(8);
  if (pipe2(ends, O_CLOEXEC) < 0)
    throw new ProblemError('delegate_failed', `run ${program}: open a pipe: ${strerror(errno())}`);
  return {
    read: recordOpenedDescriptor(ends.readInt32LE(0), `pipe from ${program}`),
    write: recordOpenedDescriptor(ends.readInt32LE(4), `pipe to ${program}`),
  };
}

function writeInput(fd: number, input: string): void {
  const stream = new Socket({ fd, readable: false, writable: true });
  // A program need not read its input.
  stream.on('error', () => {});
  stream.end(input);
}

async function readOutput(fd: number, limit: number, tooMuch: () => void): Promise<string> {
  const stream = new Socket({ fd, readable: true, writable: false });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else tooMuch();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Waits for the end of a program that has closed its output. @returns its exit code, null if a signal ended it */
async function waitForEnd(pid: number): Promise<number | null> {
  const status = Buffer.alloc(4);
  for (let look = 0; ; look++) {
    const found = waitpid(pid, status, WNOHANG);
    const failed = found < 0 ? errno() : 0;
    if (found === pid) break;
    if (failed === ECHILD) return null;
    if (failed !== 0 && failed !== EINTR) throw new Error(`wait for process ${pid}: ${strerror(failed)}`);
    await (look < looks ? nextTurn() : sleep(1));
  }
  const value = status.readInt32LE();
  return (value & 0x7f) === 0 ? (value >> 8) & 0xff : null;
}
