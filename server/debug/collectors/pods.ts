import type { ObservedPod, ObservedPodPage } from '../../../contract/observed-pod.ts';
import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { requireValue } from '../../../contract/require-value.ts';
import { type NetworkNamespace, openNetworkNamespace } from '../../kernel/netns.ts';
import { type DebugDumpContext, type DebugDumpTarget, fetchAgentJson } from '../dump-context.ts';
import { addAgentResponse } from './agent.ts';
import { collectSysctls } from './kernel.ts';
import { collectNetwork } from './network.ts';
import { collectNamespaceStatistics } from './statistics.ts';

/** Maximum number of pods in a dump if the request names no pods. */
export const defaultDebugDumpPodLimit = 64;
const podFolderLength = 80;

/** Collects the same network data from each pod's namespace as from the host's, and the agent's data about the pod. */
export async function collectPods(context: DebugDumpContext): Promise<void> {
  const { agent, files } = context;
  if (agent === null)
    return files.noteMissing(
      { path: 'pods/', title: 'Pods', command: 'GET /api/v1/pods' },
      'no agent responds: only the agent knows the pods’ namespaces',
    );
  const { items, next } = await fetchAgentJson<{ items: PodSummary[]; next: string | null }>(
    agent.get,
    `/pods?limit=${defaultDebugDumpPodLimit}`,
  );
  const ids = context.pods ?? items.map(({ id }) => id);
  if (!context.pods && next !== null)
    await files.noteMissing(
      { path: 'pods/', title: 'Pods', command: 'GET /api/v1/pods' },
      `limited to the newest ${defaultDebugDumpPodLimit} pods; name other pods to include them`,
    );
  for (const id of ids) {
    files.signal.throwIfAborted();
    await takePod(context, id);
  }
  if (!context.pods) await collectObservedPods(context);
}

/** Collects what the agent knows of pods that others made, and their network state. */
async function collectObservedPods(context: DebugDumpContext): Promise<void> {
  const { files } = context;
  const get = requireValue(context.agent, 'agent').get;
  const listed = await fetchAgentJson<ObservedPodPage>(
    get,
    `/observed-pods?limit=${defaultDebugDumpPodLimit}`,
  ).catch(() => null);
  if (listed === null) return; // What the agent answered is in the part `agent`.
  if (listed.next !== null)
    await files.noteMissing(
      { path: 'observed-pods/', title: 'Observed pods', command: 'GET /api/v1/observed-pods' },
      `limited to the newest ${defaultDebugDumpPodLimit} pods that others made`,
    );
  for (const { id, name, hostNetwork } of listed.items) {
    files.signal.throwIfAborted();
    const folder = `observed-pods/${id}`;
    const answer = await addAgentResponse(context, `/observed-pods/${id}`, {
      path: `${folder}/agent/pod.json`,
      title: `Observed pod ${name}`,
      pod: id,
    });
    if (hostNetwork || answer === null) continue;
    await addAgentResponse(context, `/observed-pods/${id}/path`, {
      path: `${folder}/agent/path.json`,
      title: 'Packet path',
      pod: id,
    });
    const { netns, inode } = JSON.parse(answer.toString('utf8')) as ObservedPod;
    if (netns.path === null) continue;
    using namespace = openPod({ path: netns.path, inode });
    if (namespace !== null)
      await collectNetwork(context, {
        folder,
        pod: id,
        fd: namespace.fd,
        prefix: `nsenter --net=${netns.path} `,
      });
  }
}

async function takePod(context: DebugDumpContext, id: string): Promise<void> {
  const { files } = context;
  let pod: Pod;
  try {
    pod = await fetchAgentJson<Pod>(
      requireValue(context.agent, 'agent').get,
      `/pods/${encodeURIComponent(id)}`,
    );
  } catch (error) {
    const wanted = { path: `pods/${id}/`, title: `Pod ${id}`, command: `GET /api/v1/pods/${id}` };
    return files.noteMissing(wanted, (error as Error).message);
  }
  const name = `${pod.namespace}.${pod.name}`;
  const folder = `pods/${name.length <= podFolderLength ? name : `${name.slice(0, podFolderLength - 12)}-${pod.number}`}`;
  for (const [path, title, file] of [
    ['', 'Pod, device, routes and neighbors', 'pod'],
    ['/network-state', 'Network state of both interfaces', 'network-state'],
    ['/path', 'Packet path', 'path'],
    ['/drops', 'Drops by reason', 'drops'],
    ['/guard', 'Guard', 'guard'],
    ['/programs', 'User programs', 'programs'],
  ] as const)
    await addAgentResponse(context, `/pods/${pod.id}${path}`, {
      path: `${folder}/agent/${file}.json`,
      title,
      pod: name,
    });
  using namespace = openPod(pod.netns);
  if (namespace === null)
    return files.noteMissing(
      {
        path: `${folder}/ip/`,
        title: `Namespace of ${name}`,
        command: `nsenter --net=${pod.netns.path}`,
        pod: name,
      },
      'its network namespace is gone',
    );
  const target: DebugDumpTarget = {
    folder,
    pod: name,
    fd: namespace.fd,
    prefix: `nsenter --net=${pod.netns.path} `,
  };
  await collectNetwork(context, target);
  await collectNamespaceStatistics(context, target);
  await collectSysctls(context, target);
}

/** Opens the network namespace of a pod; returns null if it no longer exists or was replaced. */
function openPod(netns: { path: string; inode: number }): NetworkNamespace | null {
  try {
    const namespace = openNetworkNamespace(netns.path);
    if (namespace.inode === BigInt(netns.inode)) return namespace;
    namespace.close();
  } catch {
    // Treated as gone.
  }
  return null;
}
