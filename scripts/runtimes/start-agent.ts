import { join } from 'node:path';
import { waitForAgent } from '../../server/lab/agent-client.ts';
import { agentNodeFlags } from '../agent-process.ts';
import { type ChildProcessHandle, waitUntilReady } from '../child-process.ts';
import type { IsolatedHost } from './isolated-host/isolated-host.ts';

const root = join(import.meta.dirname, '../..');
/** Time in ms that the agent has to become ready; an emulated guest on a busy machine is ten times slower. */
const readyWithinMs = 300_000;

/** An agent that runs on an isolated host. */
export interface HostAgent {
  process: ChildProcessHandle;
  /** Command line that starts it again. */
  command: string[];
}

/**
 * Starts an agent on an isolated host and waits until it answers.
 * @param args flags of `server/main.ts` beside `--socket`
 * @throws Error when it ends first
 */
export async function startAgentOnHost(
  host: IsolatedHost,
  socket: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<HostAgent> {
  const command = [
    process.execPath,
    ...agentNodeFlags,
    join(root, 'server/main.ts'),
    '--socket',
    socket,
    ...args,
  ];
  const child = await host.startChild({
    name: 'the agent',
    command,
    // Requests in progress have ten seconds.
    stopWithinMs: 12_000,
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.cache/node') },
    onLine: (line) => process.stderr.write(`${line}\n`),
  });
  try {
    await waitUntilReady(child, waitForAgent({ socketPath: socket }, readyWithinMs, signal));
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { process: child, command: [...host.enter, ...command] };
}
