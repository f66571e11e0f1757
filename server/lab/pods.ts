import type { DeviceKind } from '../../contract/device.ts';
import type { NewPodInput, Pod } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../kernel/netns.ts';
import { requestAgent, type AgentEndpoint } from './agent-client.ts';
import { setLoopbackUp } from './host.ts';
import { type LabPod, labPods, labNetnsName } from './names.ts';

/** A pod of the lab and what the agent calls it. */
export interface AttachedLabPod extends LabPod {
  id: string;
  netns: string;
}

/** Makes the six network namespaces, in which nothing is but a loopback. @returns their paths by app */
export async function createPodNamespaces(lab: string): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const { app } of labPods) {
    paths[app] = createNamedNamespace(labNetnsName(lab, app));
    await setLoopbackUp(paths[app]);
  }
  return paths;
}

/**
 * Gives each namespace to the agent, which gives it its device. Every pod is told to `progress`.
 * @throws ProblemError what the agent answers
 */
export async function attachLabPods(
  door: AgentEndpoint,
  namespaces: Record<string, string>,
  { kind, signal, progress }: { kind: DeviceKind | undefined; signal: AbortSignal; progress(text: string): void },
): Promise<AttachedLabPod[]> {
  const made: AttachedLabPod[] = [];
  for (const wanted of labPods) {
    signal.throwIfAborted();
    const { app, namespace, name, addresses, labels } = wanted;
    const netns = namespaces[app]!;
    const body: NewPodInput = { namespace, name, netns, addresses, kind, labels };
    const { id } = (await requestAgent(door, 'POST', '/api/v1/pods', { body })) as Pod;
    made.push({ ...wanted, id, netns });
    progress(`${namespace}/${name} at ${addresses.join(', ')}`);
  }
  return made;
}

/**
 * Takes the lab's pods from the agent, those an earlier lab left behind too. An agent that does not answer
 * does not hold it up: the devices go with the namespaces.
 */
export async function detachLabPods(door: AgentEndpoint): Promise<void> {
  for (const { namespace, name } of labPods) {
    try {
      await requestAgent(door, 'DELETE', `/api/v1/pods/${namespace}.${name}`, { withinMs: 5000 });
    } catch (error) {
      const code = error instanceof ProblemError ? error.code : null;
      if (code === 'agent_unreachable' || code === 'stopping') return;
      if (code !== 'pod_not_found') throw error;
    }
  }
}

/** Takes the pods from the agent and removes their namespaces. */
export async function removeLabPods(door: AgentEndpoint, lab: string): Promise<void> {
  await detachLabPods(door);
  for (const { app } of labPods) deleteNamedNamespace(labNetnsName(lab, app));
}
