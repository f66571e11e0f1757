import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { type NetworkNamespace, openNamespace } from '../../kernel/netns.ts';
import { type DumpContext, getJson, type NamespaceTarget } from '../dump-context.ts';
import { addAgentResponse } from './agent.ts';
import { collectSysctls } from './kernel.ts';
import { collectNetwork } from './network.ts';
import { collectNamespaceStatistics } from './statistics.ts';

/** Pods that are looked into when none are named. */
export const defaultPods = 64;
const podFolderLength = 80;

/** Each pod's namespace as the host's, and what the agent tells of the pod. */
export async function collectPods(taking: DumpContext): Promise<void> {
  const { agent, files } = taking;
  if (agent === null)
    return files.noteMissing(
      { path: 'pods/', title: 'Pods', command: 'GET /api/v1/pods' },
      'no agent answers: only it knows which namespaces are pods’',
    );
  const { items, next } = await getJson<{ items: PodSummary[]; next: string | null }>(
    agent.get,
    `/pods?limit=${defaultPods}`,
  );
  const ids = taking.pods ?? items.map(({ id }) => id);
  if (!taking.pods && next !== null)
    await files.noteMissing(
      { path: 'pods/', title: 'Pods', command: 'GET /api/v1/pods' },
      `there are more than ${defaultPods} pods: the newest were looked into; others can be named`,
    );
  for (const id of ids) {
    files.signal.throwIfAborted();
    await takePod(taking, id);
  }
}

async function takePod(taking: DumpContext, id: string): Promise<void> {
  const { files } = taking;
  let pod: Pod;
  try {
    pod = await getJson<Pod>(taking.agent!.get, `/pods/${encodeURIComponent(id)}`);
  } catch (error) {
    const wanted = { path: `pods/${id}/`, title: `Pod ${id}`, command: `GET /api/v1/pods/${id}` };
    return files.noteMissing(wanted, (error as Error).message);
  }
  const name = `${pod.namespace}.${pod.name}`;
  const folder = `pods/${name.length <= podFolderLength ? name : `${name.slice(0, podFolderLength - 12)}-${pod.number}`}`;
  for (const [path, title, file] of [
    ['', 'Pod, device, routes and neighbours', 'pod'],
    ['/path', 'Way of a packet', 'path'],
    ['/drops', 'Drops by reason since they are counted', 'drops'],
    ['/guard', 'Guard', 'guard'],
    ['/programs', 'Programs that users attached', 'programs'],
  ] as const)
    await addAgentResponse(taking, `/pods/${pod.id}${path}`, {
      path: `${folder}/agent/${file}.json`,
      title,
      pod: name,
    });
  using namespace = openPod(pod);
  if (namespace === null)
    return files.noteMissing(
      {
        path: `${folder}/ip/`,
        title: `Namespace of ${name}`,
        command: `nsenter --net=${pod.netns.path}`,
        pod: name,
      },
      'its namespace is gone: the pod has ended',
    );
  const place: NamespaceTarget = {
    folder,
    pod: name,
    fd: namespace.fd,
    prefix: `nsenter --net=${pod.netns.path} `,
  };
  await collectNetwork(taking, place);
  await collectNamespaceStatistics(taking, place);
  await collectSysctls(taking, place);
}

/** Null when nothing, or another namespace, is at the pod's path. */
function openPod({ netns }: Pod): NetworkNamespace | null {
  try {
    const namespace = openNamespace(netns.path);
    if (namespace.inode === BigInt(netns.inode)) return namespace;
    namespace.close();
  } catch {
    // The same to the reader.
  }
  return null;
}
