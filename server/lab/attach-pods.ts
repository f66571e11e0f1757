import type { DeviceKind } from '../../contract/device.ts';
import type { NewPodInput, Pod } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../kernel/netns.ts';
import { type AgentEndpoint, requestAgent } from './agent-client.ts';
import { setLoopbackUp } from './lab-host.ts';
import { formatLabNetnsName, formatLabNetnsPath, type LabPod, labPods } from './lab-topology.ts';

/** Pod of the lab with the id that the agent assigned to it. */
export interface AttachedLabPod extends LabPod {
  id: string;
  netns: string;
}

/** Creates the network namespaces of the lab's pods, with only a loopback interface. */
export async function createLabPodNamespaces(lab: string): Promise<void> {
  for (const { app } of labPods) await setLoopbackUp(createNamedNamespace(formatLabNetnsName(lab, app)));
}

/**
 * Attaches the lab's pods, and reports each to `progress`.
 * @throws ProblemError the agent's problem
 */
export async function attachLabPods(
  endpoint: AgentEndpoint,
  lab: string,
  {
    kind,
    signal,
    progress,
  }: { kind: DeviceKind | undefined; signal: AbortSignal; progress(text: string): void },
): Promise<AttachedLabPod[]> {
  const made: AttachedLabPod[] = [];
  for (const wanted of labPods) {
    signal.throwIfAborted();
    const { app, namespace, name, addresses, labels } = wanted;
    const netns = formatLabNetnsPath(lab, app);
    const body: NewPodInput = { namespace, name, netns, addresses, kind, labels };
    const { id } = (await requestAgent(endpoint, 'POST', '/api/v1/pods', { body })) as Pod;
    made.push({ ...wanted, id, netns });
    progress(`${namespace}/${name} at ${addresses.join(', ')}`);
  }
  return made;
}

/**
 * Detaches the lab's pods, including those that an earlier lab left. An unreachable agent is not an error: the devices
 * disappear with the namespaces.
 */
export async function detachLabPods(endpoint: AgentEndpoint): Promise<void> {
  for (const { namespace, name } of labPods) {
    try {
      await requestAgent(endpoint, 'DELETE', `/api/v1/pods/${namespace}.${name}`, { timeoutMs: 5000 });
    } catch (error) {
      const code = error instanceof ProblemError ? error.code : null;
      if (code === 'agent_unreachable' || code === 'stopping') return;
      if (code !== 'pod_not_found') throw error;
    }
  }
}

/** Detaches the lab's pods and removes their network namespaces. */
export async function removeLabPods(endpoint: AgentEndpoint, lab: string): Promise<void> {
  await detachLabPods(endpoint);
  for (const { app } of labPods) deleteNamedNamespace(formatLabNetnsName(lab, app));
}
