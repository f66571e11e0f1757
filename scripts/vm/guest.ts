import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureGuestFiles, type GuestFiles } from './fetch-guest-files.ts';
import { createGuestJob, readGuestConsoleTail, removeGuestJob, virtiofsSocketName } from './guest-job.ts';
import {
  buildQemuArguments,
  chooseQemuAccelerator,
  guestSerialPorts,
  type QemuAccelerator,
} from './qemu-arguments.ts';

/** How a guest is started, and who gets its output. */
export interface GuestOptions {
  /**
   * Shell command to run as root in the guest. The guest sees the host's files at the same paths but cannot change
   * them.
   */
  command: string;
  /** Working directory of the command; default the caller's. */
  cwd?: string;
  /** Environment variables added to PATH, HOME and LANG. */
  env?: Record<string, string>;
  /** TCP ports of 127.0.0.1 on the host, each forwarded to a port of the guest's address 10.0.2.15. */
  forward?: { hostPort: number; guestPort: number }[];
  memoryMiB?: number;
  cpus?: number;
  /** True to let the guest's clock count executed instructions: slow and on one CPU, but with repeatable figures. */
  instructionCounted?: boolean;
  /** Time limit of the guest from boot to exit, in seconds; default none. */
  timeoutSeconds?: number;
  onStdout?(chunk: Buffer): void;
  onStderr?(chunk: Buffer): void;
}

/** A guest that has been started, to wait for or to stop. */
export interface RunningGuest {
  /** Resolves just before the guest starts the command; rejects if the guest exits first. */
  started: Promise<void>;
  /** Exit code of the command, 143 after `stop`. Rejects if the guest fails or exceeds its time limit. */
  exit: Promise<number>;
  /** Kills the guest and removes all its temporary files. */
  stop(): Promise<void>;
}

const bootSeconds = 120;
const trialSeconds = 15;

/**
 * Boots a Linux 6.12 with netkit in QEMU, runs one command in it and powers off (about 4 s in all, emulated).
 * The guest dies with the calling process.
 * @throws when it cannot be fetched, when not root, or when a program does not start
 */
export async function bootGuest(options: GuestOptions): Promise<RunningGuest> {
  if (process.getuid?.() !== 0)
    throw new Error('the guest shares the whole file tree with its root: run as root');
  const files = await ensureGuestFiles();
  const accelerator = options.instructionCounted ? 'tcg' : await settleAccelerator(files);
  return boot(files, accelerator, options, bootSeconds);
}

/**
 * PODLANE_VM_ACCEL, or KVM where it looks usable and has booted the guest once; what that came to is kept beside the
 * guest. A machine whose KVM hangs loses a quarter of a minute, once.
 */
async function settleAccelerator(files: GuestFiles): Promise<QemuAccelerator> {
  const likely = chooseQemuAccelerator();
  if (likely === 'tcg' || process.env.PODLANE_VM_ACCEL) return likely;
  const record = join(files.root, '..', 'accelerator');
  if (existsSync(record)) return readFileSync(record, 'utf8') === 'kvm' ? 'kvm' : 'tcg';
  const trial = await boot(files, 'kvm', { command: 'true' }, trialSeconds);
  const settled = await trial.exit.then(
    (code): QemuAccelerator => (code === 0 ? 'kvm' : 'tcg'),
    (): QemuAccelerator => 'tcg',
  );
  writeFileSync(record, settled);
  return settled;
}

async function boot(
  files: GuestFiles,
  accelerator: QemuAccelerator,
  options: GuestOptions,
  bootWithinSeconds: number,
): Promise<RunningGuest> {
  const job = createGuestJob(script(options, files));
  const cleanUp = () => {
    removeGuestJob(job);
    process.off('exit', cleanUp);
  };
  process.once('exit', cleanUp);
  try {
    const fileServer = await serveRoot(files, job);
    const machine = startMachine(files, job, accelerator, options);
    machine.once('close', () => fileServer.kill('SIGKILL'));
    return follow(machine, options, job, bootWithinSeconds, cleanUp);
  } catch (error) {
    cleanUp();
    throw error;
  }
}

/** Quotes a text as one word for the shell. */
export const shellQuote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

function script(options: GuestOptions, { root }: GuestFiles): string {
  const tools = ['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((part) => join(root, part));
  const env: Record<string, string> = {
    PATH: [...tools, process.env.PATH].join(':'),
    HOME: process.env.HOME ?? '/root',
    LANG: 'C.UTF-8',
    ...options.env,
  };
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return [`cd ${shellQuote(options.cwd ?? process.cwd())} || exit 125`, ...exports, options.command, ''].join(
    '\n',
  );
}

/**
 * Niceness of QEMU and its file server. An emulated guest runs on one thread, and its tests time out when other work takes
 * the processor. Where this process may not raise priorities, `nice` warns and goes on.
 */
const guestNiceness = '-10';

/**
 * Starts a program outside this process group, so that Ctrl-C does not reach it; it is killed when this process
 * exits.
 */
function launch(
  files: GuestFiles,
  program: string,
  args: string[],
  job: string,
  pipes: number,
): ChildProcess {
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((part) =>
    join(files.root, part),
  );
  const command = ['setpriv', '--pdeathsig', 'KILL', '--', join(files.root, program), ...args];
  const child = spawn('nice', ['--adjustment', guestNiceness, ...command], {
    cwd: job,
    detached: true,
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') },
    stdio: ['ignore', ...Array<'pipe'>(pipes).fill('pipe')],
  });
  try {
    // Its session is a group that the scheduler gives as much time as any other, whatever its niceness (sched(7)).
    writeFileSync(`/proc/${child.pid}/autogroup`, guestNiceness);
  } catch {
    // This kernel does not group sessions, or the program has ended.
  }
  return child;
}

async function serveRoot(files: GuestFiles, job: string): Promise<ChildProcess> {
  const args = [
    `--socket-path=${virtiofsSocketName(job)}`,
    '-o',
    'source=/',
    '-o',
    'cache=always',
    '-o',
    'sandbox=chroot',
  ];
  const child = launch(files, 'usr/lib/qemu/virtiofsd', [...args, '--thread-pool-size=2'], job, 2);
  const said = collect(child);
  for (let tries = 0; !existsSync(join(job, virtiofsSocketName(job))); tries++) {
    if (child.exitCode !== null || tries > 1000) {
      child.kill('SIGKILL');
      throw new Error(`the guest's file server did not start:\n${said()}`);
    }
    await delay(5);
  }
  return child;
}

function startMachine(
  files: GuestFiles,
  job: string,
  accelerator: QemuAccelerator,
  options: GuestOptions,
): ChildProcess {
  const machine = {
    memoryMiB: options.memoryMiB ?? 2048,
    // One when emulated: QEMU's threads may run an instruction that the kernel patches at that moment (static keys,
    // which attaching programs turns), and the guest dies of it.
    cpus: options.cpus ?? (accelerator === 'tcg' ? 1 : 2),
    instructionCounted: options.instructionCounted ?? false,
    forward: options.forward ?? [],
  };
  const args = buildQemuArguments(files, job, machine, accelerator);
  return launch(files, 'usr/bin/qemu-system-x86_64', args, job, 2 + Object.keys(guestSerialPorts).length);
}

/** Collects the last 4000 characters that a program writes to standard output and standard error. */
function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-4000);
    });
  }
  return () => text.trim();
}

function follow(
  machine: ChildProcess,
  options: GuestOptions,
  job: string,
  bootWithinSeconds: number,
  cleanUp: () => void,
): RunningGuest {
  const started = Promise.withResolvers<void>();
  const exit = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<void>();
  for (const { promise } of [started, exit]) promise.catch(() => {}); // a caller may wait for one of them only
  const port = (name: keyof typeof guestSerialPorts) =>
    (machine.stdio as unknown[])[guestSerialPorts[name]] as Duplex;
  const said = collect(machine);
  port('stdout').on('data', (chunk: Buffer) => options.onStdout?.(chunk));
  port('stderr').on('data', (chunk: Buffer) => options.onStderr?.(chunk));

  let why = 'ended before its command did';
  const kill = (reason: string) => {
    why = reason;
    machine.kill('SIGKILL');
  };
  const after = (seconds: number, reason: string) => setTimeout(() => kill(reason), seconds * 1000);
  const { timeoutSeconds } = options;
  const boot = after(bootWithinSeconds, `did not boot within ${bootWithinSeconds} s`);
  const whole = timeoutSeconds && after(timeoutSeconds, `ran longer than ${timeoutSeconds} s`);

  let control = '';
  port('control').on('data', (chunk: Buffer) => {
    control += chunk.toString();
    if (!control.includes('started\n')) return;
    clearTimeout(boot);
    started.resolve();
  });
  machine.once('error', exit.reject);
  machine.once('close', () => {
    clearTimeout(boot);
    if (whole) clearTimeout(whole);
    const code = /^exit (\d+)$/m.exec(control)?.[1];
    const error = new Error(`the guest ${why}:\n${said()}\n${readGuestConsoleTail(job)}`.trim());
    if (code !== undefined) exit.resolve(Number(code));
    else if (why === 'stopped') exit.resolve(143);
    else exit.reject(error);
    started.reject(error); // nothing happens when it has started
    cleanUp();
    closed.resolve();
  });
  return {
    started: started.promise,
    exit: exit.promise,
    async stop() {
      kill('stopped');
      await closed.promise;
    },
  };
}
