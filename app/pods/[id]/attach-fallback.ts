import type { PodSummary } from '../../../contract/pod.ts';

/** Returns true if a netkit device's programs are attached to tcx or tc hooks of its primary: attach fallback. */
export const isAttachFallback = ({ kind, hooks }: Pick<PodSummary, 'kind' | 'hooks'>): boolean =>
  kind === 'netkit' && hooks !== 'netkit';
