import type { PodSummary } from '../../../contract/pod.ts';

/**
 * Returns true if a netkit device is in attach fallback: its programs are attached to tcx or tc hooks of the primary.
 */
export const isAttachFallback = ({ kind, hooks }: Pick<PodSummary, 'kind' | 'hooks'>): boolean =>
  kind === 'netkit' && hooks !== 'netkit';
