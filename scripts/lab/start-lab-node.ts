import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceKind } from '../../contract/device.ts';
import { type AgentEndpoint, waitForAgent } from '../../server/lab/agent-client.ts';
import { removeLabPods } from '../../server/lab/attach-pods.ts';
import { createLabHost, removeLabHost } from '../../server/lab/lab-host.ts';
import { formatLabHostNetnsName } from '../../server/lab/lab-topology.ts';
import type { RequestCounts } from '../../server/lab/traffic/traffic-client.ts';
import { agentNodeFlags } from '../agent-process.ts';
import { type ChildProcessHandle, startChildProcess, waitUntilReady } from '../child-process.ts';
import { killProcessesInNetns } from './kill-processes.ts';

const root = join(import.meta.dirname, '../..');

export interface LabNodeOptions {
  lab: string;
  /** True if the lab has a host namespace of its own; false in a guest, which uses its initial namespace. */
  own: boolean;
  environment: 'native' | 'guest';
  /** TCP address on which the agent listens too, and the file with its bearer token. */
  listen?: { address: string; tokenFile: string };
  /** Group that may use the agent's socket. */
  socketGid?: number;
  /** Device kind of all pods; undefined selects netkit if the kernel supports it. */
  kind: DeviceKind | undefined;
  /** Folder of the public keys that trusted builds are signed with. */
  trust?: string;
  /** Factor that multiplies the rate of the lab's traffic. */
  rate: number;
  progress(text: string): void;
  /** Receives the traffic counts once a second. */
  counted(apps: LabTrafficCounts): void;
  signal: AbortSignal;
}

/** Request counts since the start, by app. */
export type LabTrafficCounts = Record<string, RequestCounts>;

/** A node of the lab: host namespace, agent, and pods with traffic. */
export interface LabNode {
  socket: string;
  agent: ChildProcessHandle;
  /** Command line that restarts the agent. */
  agentCommand: string[];
  traffic: ChildProcessHandle;
  /** Stops traffic and agent, then removes everything else of the lab. */
  stop(): Promise<void>;
}

/** Time that the agent has to become ready, in seconds; an emulated guest on a busy machine is ten times slower. */
const agentWithin = 300;

/** Returns the directory of a lab's socket and database. */
export const getLabDirectory = (lab: string): string => `/run/podlane-${lab}`;
const labPins = (lab: string) => `/sys/fs/bpf/podlane-${lab}`;

/**
 * Makes a node with running traffic. Removes first what a killed lab of this name left behind.
 * @throws when a step fails; then nothing is left of it
 */
export async function startLabNode(options: LabNodeOptions): Promise<LabNode> {
  const { lab, own, progress, signal } = options;
  const directory = getLabDirectory(lab);
  const socket = join(directory, 'agent.sock');
  const endpoint: AgentEndpoint = { socketPath: socket };
  const children: ChildProcessHandle[] = [];
  const stop = async () => {
    for (const child of children.reverse()) await child.stop();
    await clear(lab, endpoint);
  };
  try {
    await clear(lab, endpoint);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    progress('host namespace and uplink');
    await createLabHost(lab, { own });
    signal.throwIfAborted();

    progress('agent');
    const agentCommand = commandOfAgent(options, socket);
    const agent = startChildProcess({
      name: 'the agent',
      command: agentCommand,
      stopWithinMs: 12_000,
      onLine: () => {},
    });
    children.push(agent);
    // Both load at the same time; the pods are attached as soon as the agent answers.
    const [traffic] = await Promise.all([
      startTraffic(options, socket, children),
      waitUntilReady(agent, waitForAgent(endpoint, agentWithin * 1000, signal)),
    ]);
    return { socket, agent, agentCommand, traffic, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes everything that a killed lab may have left: pods, processes, host namespace, pins and files. */
async function clear(lab: string, endpoint: AgentEndpoint): Promise<void> {
  await removeLabPods(endpoint, lab);
  await killProcessesInNetns(`/run/netns/${formatLabHostNetnsName(lab)}`);
  rmSync(labPins(lab), { recursive: true, force: true });
  removeLabHost(lab);
  rmSync(getLabDirectory(lab), { recursive: true, force: true });
}

function commandOfAgent(options: LabNodeOptions, socket: string): string[] {
  const { lab, own, environment, listen, socketGid, trust } = options;
  return [
    // not `ip netns exec`, which would hide the pins
    ...(own ? ['nsenter', `--net=/run/netns/${formatLabHostNetnsName(lab)}`, '--'] : []),
    ...[process.execPath, ...agentNodeFlags, join(root, 'server/main.ts')],
    ...['--socket', socket, '--database', join(getLabDirectory(lab), 'podlane.db')],
    ...['--pins', labPins(lab), '--environment', environment, '--lab', '--log-level', 'warn'],
    ...(socketGid === undefined ? [] : ['--socket-gid', String(socketGid)]),
    ...(trust === undefined ? [] : ['--trust', trust]),
    ...(listen ? ['--listen', listen.address, '--token-file', listen.tokenFile] : []),
  ];
}

async function startTraffic(
  options: LabNodeOptions,
  socket: string,
  children: ChildProcessHandle[],
): Promise<ChildProcessHandle> {
  const { lab, kind, rate, signal, progress, counted } = options;
  const ready = Promise.withResolvers<void>();
  const child = startChildProcess({
    name: 'the traffic',
    command: [
      ...[process.execPath, join(root, 'server/lab/main.ts'), '--json', '--outside'],
      ...['--agent', `unix:${socket}`, '--name', lab, '--rate', String(rate)],
      ...['--wait', String(agentWithin)],
      ...(kind === undefined ? [] : ['--kind', kind]),
    ],
    onLine(line) {
      const event = JSON.parse(line) as { type: string; text?: string; apps?: LabTrafficCounts };
      if (event.type === 'ready') ready.resolve();
      else if (event.apps !== undefined) counted(event.apps);
      else if (event.text !== undefined) progress(event.text);
    },
  });
  children.push(child);
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  stopped.catch(() => {});
  await waitUntilReady(child, Promise.race([ready.promise, stopped]));
  return child;
}
