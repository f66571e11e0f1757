import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChildProcessHandle, startChildProcess, waitUntilReady } from './child-process.ts';

const root = join(import.meta.dirname, '..');
/**
 * Node.js flags of the agent, which make it small. A small young generation saves 30 MB, since most objects die young or
 * live long; a heap that is collected before it has grown by more than a tenth saves 12 MB; code that is compiled for
 * size, and by two threads, 5 MB.
 */
export const agentNodeFlags = [
  '--max-semi-space-size=1',
  '--heap-growing-percent=10',
  '--optimize-for-size',
  '--v8-pool-size=2',
];
/** Time that the agent has to become ready, in ms; an emulated guest takes 10 s just to load the BPF programs. */
const readyWithinMs = 600_000;

/**
 * Starts the agent on a Unix socket and waits until it answers.
 * @param args further flags of `server/main.ts`
 * @param netns path of the network namespace that is its host; default ours
 * @param bpffs `own`: it gets a BPF file system that no other process sees
 * @param env further environment variables
 * @throws Error when it ends or stays silent for 30 s instead
 */
export async function startAgentProcess(
  socket: string,
  args: string[],
  {
    netns,
    bpffs = 'shared',
    env = {},
  }: { netns?: string; bpffs?: 'shared' | 'own'; env?: Record<string, string> } = {},
): Promise<ChildProcessHandle> {
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
  const mount = 'mount -t bpf bpf /sys/fs/bpf && exec "$@"';
  const unshare = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', mount, 'sh'];
  const child = startChildProcess({
    name: 'the agent',
    // The agent gives requests in progress ten seconds.
    stopWithinMs: 12_000,
    // Compiled sources are kept from start to start: less time, and 25 MB less memory while it runs.
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.cache/node'), ...env },
    command: [
      ...enter,
      ...(bpffs === 'own' ? unshare : []),
      ...[process.execPath, ...agentNodeFlags, join(root, 'server/main.ts')],
      ...['--socket', socket, ...args],
    ],
    onLine: (line) => process.stderr.write(`${line}\n`),
  });
  try {
    await waitUntilReady(child, untilAnswers(socket, child));
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

async function untilAnswers(socket: string, child: ChildProcessHandle): Promise<void> {
  let over = false;
  // Never rejects: it resolves with the way the process ended.
  void child.ended.then(() => {
    over = true;
  });
  const deadline = Date.now() + readyWithinMs;
  while (!over) {
    // A request that nobody takes costs an emulated guest as much as the agent's start needs.
    if (existsSync(socket) && (await answers(socket))) return;
    if (Date.now() > deadline)
      throw new Error(
        `the agent (pid ${child.pid}) did not answer at ${socket} within ${readyWithinMs / 1000} s`,
      );
    await sleep(50);
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    request({ socketPath, path: '/api/v1/node', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('error', () => resolve(false))
      .end();
  });
}
