import { join } from 'node:path';
import type { ObservedPod, ObservedPodSummary, RuntimeList } from '../../../contract/observed-pod.ts';
import type { ContainerRuntime } from '../../../scripts/runtimes/container.ts';
import { type HostAgent, startAgentOnHost } from '../../../scripts/runtimes/start-agent.ts';
import { requestAgent } from '../../../server/lab/agent-client.ts';

/** An agent on a runtime's host, which observes the runtime's containers. */
export interface ObservingAgent extends AsyncDisposable {
  readonly socket: string;
  readonly process: HostAgent['process'];
  /** Asks the agent. @throws ProblemError */
  ask<T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>;
  observed(): Promise<ObservedPodSummary[]>;
  describe(id: string): Promise<ObservedPod>;
  runtimes(): Promise<RuntimeList['items']>;
  stop(): Promise<void>;
}

/** @param flags of the agent beside its own paths */
export async function startObservingAgent(
  { host }: ContainerRuntime,
  flags: readonly string[] = [],
): Promise<ObservingAgent> {
  const socket = join(host.folder, 'agent.sock');
  const agent = await startAgentOnHost(host, socket, [
    ...['--database', join(host.folder, 'podlane.db'), '--max-slots', '64', '--log-level', 'warn'],
    ...flags,
  ]);
  const ask = <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> =>
    requestAgent({ socketPath: socket }, method, `/api/v1${path}`, { body }) as Promise<T>;
  return {
    socket,
    process: agent.process,
    ask,
    observed: async () =>
      (await ask<{ items: ObservedPodSummary[] }>('GET', '/observed-pods?limit=500')).items,
    describe: (id) => ask<ObservedPod>('GET', `/observed-pods/${id}`),
    runtimes: async () => (await ask<RuntimeList>('GET', '/runtimes')).items,
    stop: () => agent.process.stop(),
    [Symbol.asyncDispose]: () => agent.process.stop(),
  };
}
