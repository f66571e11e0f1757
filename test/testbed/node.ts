import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceKind } from '../../contract/device.ts';
import type { Migration } from '../../contract/migration.ts';
import type { NewPodInput, Pod } from '../../contract/pod.ts';
import { startAgentProcess } from '../../scripts/agent-process.ts';
import type { ChildProcessHandle } from '../../scripts/child-process.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../../server/kernel/netns.ts';
import { requestAgent } from '../../server/lab/agent-client.ts';
import { pollUntil } from './poll.ts';

/** A node of its own: a network namespace for the host, one for each pod, an agent with its own files and pins. */
export interface TestNode extends AsyncDisposable {
  readonly host: string;
  readonly pins: string;
  readonly database: string;
  readonly agentPid: number;
  /** Unix socket of the agent. */
  readonly socket: string;
  /** Asks the agent. @throws ProblemError */
  ask<T>(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T>;
  /** A new namespace with loopback up, attached as shop/NAME. */
  addPod(name: string, address: string | string[], more?: DeviceKind | Partial<NewPodInput>): Promise<Pod>;
  /** A namespace that goes with the node. @returns its path */
  addNamespace(name: string): string;
  /** What the agent's Prometheus metrics say. */
  metrics(): Promise<string>;
  removeNamespace(name: string): void;
  /** Runs a program in a namespace; the host's by default. @returns its standard output */
  run(command: string[], netns?: string): string;
  /** Migrates a pod and waits for the end. @param accept ids of the plan's items to accept; default none */
  migrate(pod: string, to: DeviceKind, recreate?: boolean, accept?: string[]): Promise<Migration>;
  /** @param more flags beside those of the node */
  startAgent(more?: string[]): Promise<void>;
  /** SIGKILL, as a crash. */
  killAgent(): Promise<void>;
  stopAgent(): Promise<void>;
}

/**
 * @param flags of the agent beside its own paths
 * @param options `bpffs: 'own'` gives the agent a BPF file system of its own, which a test may unmount; `env`: further
 *   environment variables of the agent
 */
export async function startTestNode(
  flags: string[] = [],
  options: { bpffs?: 'own'; env?: Record<string, string> } = {},
): Promise<TestNode> {
  const id = `podlane-t-${randomBytes(3).toString('hex')}`;
  const folder = mkdtempSync(join(tmpdir(), `${id}-`));
  const socketPath = join(folder, 'agent.sock');
  const database = join(folder, 'podlane.db');
  const pins = `/sys/fs/bpf/${id}`;
  const namespaces: string[] = [];
  const addNamespace = (name: string): string => {
    const path = createNamedNamespace(`${id}-${name}`);
    namespaces.push(`${id}-${name}`);
    execFileSync('nsenter', [`--net=${path}`, 'ip', 'link', 'set', 'lo', 'up']);
    return path;
  };
  const host = addNamespace('host');
  let agent: ChildProcessHandle | null = null;

  const start = async (more: string[] = []): Promise<void> => {
    const args = [
      '--database',
      database,
      '--pins',
      pins,
      '--max-slots',
      '256',
      '--log-level',
      'warn',
      '--lab',
      // Agents of tests that run at the same time would read one another's namespaces, and hold them for a moment.
      '--observe',
      'off',
      ...flags,
      ...more,
    ];
    agent = await startAgentProcess(socketPath, args, { netns: host, ...options });
  };
  const ask = <T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<T> => requestAgent({ socketPath }, method, `/api/v1${path}`, { body }) as Promise<T>;
  const dispose = async (): Promise<void> => {
    await agent?.stop();
    for (const name of namespaces.reverse()) deleteNamedNamespace(name);
    rmSync(pins, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }

  return {
    host,
    pins,
    database,
    socket: socketPath,
    get agentPid() {
      return agent?.pid ?? 0;
    },
    ask,
    addNamespace,
    removeNamespace: (name) => deleteNamedNamespace(`${id}-${name}`),
    metrics: () => read(socketPath, '/api/v1/metrics'),
    addPod: (name, address, more = {}) =>
      ask<Pod>('POST', '/pods', {
        namespace: 'shop',
        name,
        netns: addNamespace(name),
        addresses: [address].flat(),
        ...(typeof more === 'string' ? { kind: more } : more),
      }),
    run: (command, netns = host) =>
      execFileSync('nsenter', [`--net=${netns}`, ...command], { encoding: 'utf8' }),
    async migrate(pod, to, recreate = false, accept = []) {
      const { id } = await ask<Migration>('POST', `/pods/${pod}/migrations`, { to, recreate, accept });
      return pollUntil(
        () => ask<Migration>('GET', `/migrations/${id}`),
        ({ state }) => state !== 'running',
      );
    },
    startAgent: start,
    async killAgent() {
      process.kill(agent!.pid, 'SIGKILL');
      await agent!.ended;
    },
    async stopAgent() {
      await agent!.stop();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function read(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      resolve(text);
    })
      .on('error', reject)
      .end();
  });
}

/** A pinger's account. Gaps are between replies. */
export interface PingCounts {
  sent: number;
  lost: number;
  /** When replies came, ms since the epoch. */
  replies: Float64Array;
}

/** Pings `count` times, one every `intervalMs`, from a namespace; lost are those with no reply within 5 s. */
export function ping(netns: string, address: string, count: number, intervalMs = 2): Promise<PingCounts> {
  return new Promise((resolve, reject) => {
    const args = ['-n', '-D', '-c', String(count), '-i', String(intervalMs / 1000), '-W', '5', address];
    const child = spawn('nsenter', [`--net=${netns}`, 'ping', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      const totals = /(\d+) packets transmitted, (\d+) received/.exec(output);
      if (!totals)
        return reject(new Error(`ping ${address} (iputils-ping): ${errors || output.slice(-500)}`));
      const replies = Float64Array.from(
        output.matchAll(/^\[(\d+\.\d+)\]/gm),
        (match) => Number(match[1]) * 1000,
      );
      resolve({ sent: Number(totals[1]), lost: Number(totals[1]) - Number(totals[2]), replies });
    });
  });
}
