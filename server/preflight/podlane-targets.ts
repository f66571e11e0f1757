import type { PodSummary } from '../../contract/pod.ts';
import { slotToPeerIfindex } from '../bpf/datapath-structs.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { PreflightTarget, PreflightTargets } from './preflight-target.ts';

type PodlanePods = Pick<Datapath, 'summaries' | 'namespaces' | 'plan' | 'readHooks'>;

/** Gives the preflight the pods that have a device of Podlane's, with the dry run of a migration as their plan. */
export function createPodlaneTargets(pods: PodlanePods): PreflightTargets {
  const list = (): PreflightTarget[] => {
    const namespaces = new Map(pods.namespaces().map((each) => [each.id, each]));
    return pods.summaries().map((pod) => toTarget(pods, pod, namespaces.get(pod.id) ?? null));
  };
  return {
    list,
    find: (idOrName) =>
      list().find(({ pod }) => pod.id === idOrName || `${pod.namespace}.${pod.name}` === idOrName),
  };
}

const toTarget = (
  pods: PodlanePods,
  { id, namespace, name, kind, labels, primary, slot }: PodSummary,
  netns: PreflightTarget['netns'],
): PreflightTarget => ({
  pod: { id, namespace, name, kind, origin: 'podlane' },
  labels,
  netns: netns && { path: netns.path, inode: netns.inode },
  primaryIfindex: primary.ifindex,
  peerIfindex: slotToPeerIfindex(slot),
  runtime: null,
  plan: () => pods.plan(id, 'netkit'),
  readHooks: () => pods.readHooks(id),
});
