import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  createNamedNamespace,
  openCurrentNamespace,
  openNetworkNamespace,
} from '../../../server/kernel/netns.ts';
import { connectOutside, setLoopbackUp } from '../../../server/lab/lab-host.ts';
import { labOutsideService } from '../../../server/lab/lab-topology.ts';
import { type ChildProcessHandle, type ChildProcessOptions, startChildProcess } from '../../child-process.ts';
import { requirePrograms } from '../required-programs.ts';
import { createControlGroup, listControlGroupHierarchies } from './control-groups.ts';
import { findChildProcess } from './find-child-process.ts';

const execFileAsync = promisify(execFile);

export interface IsolatedHostOptions {
  /** Names its control groups and the namespace outside; default a random one. */
  name?: string;
  /** False uses this process's network namespace: in a guest, whose forwarded ports lead there. */
  ownNetwork?: boolean;
  /** Folders that the host has to see although they are below /run. */
  keep?: string[];
}

/** A program that runs on an isolated host. */
export interface HostProcess {
  pid: number;
  /** Resolves once it has exited, with a phrase such as `ended with code 1`. */
  ended: Promise<string>;
  /** Returns the end of what it wrote. */
  log(): string;
}

const script = (name: string) => join(import.meta.dirname, name);
/** Time in ms that a daemon has to answer; an emulated guest on a busy machine is ten times slower. */
const readyWithinMs = 180_000;

/**
 * A host for container runtimes, isolated from the machine: mount, process, control group and network namespaces of its
 * own, below which everything is that a daemon makes (programs, mounts, namespaces, firewall rules, sockets). An agent that
 * runs there sees nothing else of the machine. An uplink leads to a namespace outside.
 * `close`, or the end of the process that opened it, however it ends, kills and removes all of it.
 */
export class IsolatedHost implements AsyncDisposable {
  readonly name: string;
  /** Folder on the machine with what the host's runtimes store; the host sees it under the same path. */
  readonly folder: string;
  /** Path of the namespace beyond the uplink, on the machine. */
  readonly outside: string;
  /** Address of the host on its uplink, at which published ports answer. */
  readonly address = labOutsideService.node;
  /** Its first process, which keeps the namespaces alive; the id is the machine's. */
  readonly pid: number;
  readonly #remover: ChildProcess;
  readonly #groups: string[];

  private constructor(
    known: { name: string; folder: string; pid: number; groups: string[] },
    remover: ChildProcess,
  ) {
    this.name = known.name;
    this.folder = known.folder;
    this.pid = known.pid;
    this.outside = `/run/netns/${known.name}-outside`;
    this.#groups = known.groups;
    this.#remover = remover;
  }

  /** @throws Error naming what the machine lacks; nothing is left then */
  static async open({
    name = `podlane-t-${randomBytes(4).toString('hex')}`,
    ownNetwork = true,
    keep = [],
  }: IsolatedHostOptions = {}): Promise<IsolatedHost> {
    requirePrograms(['unshare', 'nsenter', 'ip']);
    const folder = join(tmpdir(), name);
    const hierarchies = listControlGroupHierarchies();
    const groups = hierarchies.map(({ path }) => join(path, name));
    // What is left of a host whose remover was killed too.
    if ([folder, ...groups].some((path) => existsSync(path)))
      await endRemover(startRemover(name, folder, groups));
    mkdirSync(folder, { mode: 0o700 });
    const remover = startRemover(name, folder, groups);
    try {
      for (const hierarchy of hierarchies) createControlGroup(hierarchy, name);
      const lines = hierarchies.map(({ type, path, options }) => `${type} ${path} ${options}\n`);
      writeFileSync(join(folder, 'hierarchies'), lines.join(''));
      const pid = await startNamespaces({ folder, groups, ownNetwork, keep: [folder, ...keep] });
      const members = hierarchies.map(({ type }, index) =>
        join(groups[index] ?? '', type === 'cgroup2' ? 'init' : '.', 'cgroup.procs'),
      );
      writeEnterScript(join(folder, 'enter'), pid, members);
      const host = new IsolatedHost({ name, folder, pid, groups }, remover);
      await host.#connect(ownNetwork);
      return host;
    } catch (error) {
      await endRemover(remover);
      throw error;
    }
  }

  /** Path of its network namespace, on the machine. */
  get netns(): string {
    return `/proc/${this.pid}/ns/net`;
  }

  /** Its control group in each hierarchy of the machine. */
  get controlGroups(): readonly string[] {
    return this.#groups;
  }

  /** Words in front of a command line that let it run on the host. Its paths have to be absolute. */
  get enter(): [string] {
    return [join(this.folder, 'enter')];
  }

  /** Returns the path on the machine of a path that only the host sees, such as one below /run or /proc. */
  resolve(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** Writes a file that only the host sees. */
  write(path: string, text: string): void {
    mkdirSync(join(this.resolve(path), '..'), { recursive: true });
    writeFileSync(this.resolve(path), text);
  }

  /** Runs a program on the host. @returns its standard output @throws Error with what it wrote when it fails */
  async run(command: readonly string[], { timeoutMs = 120_000 } = {}): Promise<string> {
    return execute([...this.enter, ...command], timeoutMs);
  }

  /** Runs a program of the machine in a network namespace: `outside`, or a container's. @returns its standard output */
  async runIn(netns: string, command: readonly string[], { timeoutMs = 120_000 } = {}): Promise<string> {
    return execute(['nsenter', `--net=${netns}`, '--', ...command], timeoutMs);
  }

  /** Starts a program that stays; it is killed with the host. */
  start(name: string, command: readonly string[], env: Record<string, string> = {}): HostProcess {
    const file = join(this.folder, `${name}.log`);
    const log = openSync(file, 'a');
    const child = spawn(this.enter[0], command, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    });
    return { pid: child.pid ?? 0, ended, log: () => readFileSync(file, 'utf8').slice(-4000) };
  }

  /** Starts a program like `startChildProcess`. Its id is the machine's. */
  async startChild(options: ChildProcessOptions): Promise<ChildProcessHandle> {
    const child = startChildProcess({ ...options, command: [...this.enter, ...options.command] });
    // nsenter waits for the program that it starts in the process namespace, and ends as that does.
    const pid = await findChildProcess(child);
    const kill = (signal: NodeJS.Signals) => {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended
      }
    };
    return {
      ...child,
      pid,
      async stop() {
        const timer = setTimeout(() => kill('SIGKILL'), options.stopWithinMs ?? 5000);
        kill('SIGTERM');
        await child.ended;
        clearTimeout(timer);
      },
    };
  }

  /** Waits until `answers` resolves. @throws Error with the daemon's log when it ends first or takes three minutes */
  async waitFor(daemon: HostProcess, name: string, answers: () => Promise<unknown>): Promise<void> {
    let over: string | undefined;
    // Never rejects: it resolves with the way the process ended.
    void daemon.ended.then((how) => {
      over = how;
    });
    for (const until = performance.now() + readyWithinMs; ; ) {
      try {
        await answers();
        return;
      } catch (cause) {
        if (over !== undefined) throw new Error(`${name} ${over}:\n${daemon.log()}`, { cause });
        if (performance.now() > until)
          throw new Error(`${name} does not answer: ${(cause as Error).message}\n${daemon.log()}`, { cause });
      }
      await sleep(50);
    }
  }

  /** Kills every process of the host and removes everything that it made. */
  close(): Promise<void> {
    return endRemover(this.#remover);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connect(ownNetwork: boolean): Promise<void> {
    createNamedNamespace(`${this.name}-outside`);
    await setLoopbackUp(this.outside);
    using host = ownNetwork ? openNetworkNamespace(this.netns) : openCurrentNamespace();
    await connectOutside(host.fd, this.outside);
  }
}

function startRemover(name: string, folder: string, groups: readonly string[]): ChildProcess {
  // Detached: Ctrl-C and the end of a terminal do not reach it.
  return spawn('sh', [script('remove.sh'), name, folder, ...groups], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
}

async function endRemover(remover: ChildProcess): Promise<void> {
  if (remover.exitCode !== null || remover.signalCode !== null) return;
  const exit = once(remover, 'exit');
  remover.stdin?.end();
  await exit;
}

async function startNamespaces({
  folder,
  groups,
  ownNetwork,
  keep,
}: {
  folder: string;
  groups: readonly string[];
  ownNetwork: boolean;
  keep: readonly string[];
}): Promise<number> {
  const join = 'for group in $GROUPS_TO_JOIN; do echo $$ >"$group/cgroup.procs"; done; exec "$@"';
  const unshare = [
    ...['unshare', '--mount', '--propagation', 'slave'],
    ...['--cgroup', '--pid', '--fork', '--kill-child'],
    ...(ownNetwork ? ['--net'] : []),
  ];
  const child = spawn('sh', ['-c', join, 'sh', ...unshare, 'sh', script('set-up.sh'), folder, ...keep], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, GROUPS_TO_JOIN: groups.join(' '), OWN_NETWORK: String(ownNetwork) },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const exit = once(child, 'exit').then(() => null);
  const ready = once(child.stdout.setEncoding('utf8'), 'data');
  const [said] = (await Promise.race([ready, exit])) ?? [];
  const pid = /^ready (\d+)$/.exec(String(said).trim())?.[1];
  if (pid === undefined)
    throw new Error(
      `namespaces for container runtimes cannot be made, which takes root and CAP_SYS_ADMIN: ${errors}`,
    );
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  child.unref();
  return Number(pid);
}

function writeEnterScript(file: string, pid: number, members: readonly string[]): void {
  const joins = members.map((member) => `echo $$ >'${member}'\n`).join('');
  const nsenter = `exec nsenter --target ${pid} --mount --pid --cgroup --net --`;
  appendFileSync(file, `#!/bin/sh\n${joins}${nsenter} setpriv --pdeathsig TERM -- "$@"\n`, { mode: 0o755 });
}

async function execute(command: readonly string[], timeoutMs: number): Promise<string> {
  const [program = '', ...args] = command;
  try {
    const { stdout } = await execFileAsync(program, args, { timeout: timeoutMs, maxBuffer: 1 << 26 });
    return stdout;
  } catch (error) {
    const { stdout, stderr, killed, message } = error as Error & {
      stdout?: string;
      stderr?: string;
      killed?: boolean;
    };
    const why = killed ? `not done within ${timeoutMs / 1000} s` : `${stderr}${stdout}`.trim() || message;
    throw new Error(`${args.slice(0, 3).join(' ')}: ${why}`, { cause: error });
  }
}
