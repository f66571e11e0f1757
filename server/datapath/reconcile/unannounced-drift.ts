import { statSync } from 'node:fs';
import { findHooksWithoutPodlaneProgram, listUnpinnedHooks } from '../device/podlane-programs.ts';
import type { KernelContext } from '../kernel-context.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

/**
 * Looks for changes of a pod that the kernel announces to nobody: that its namespace is no longer at its path, that a
 * program was detached, that a link was unpinned. Costs a tenth of `detectPodDrift`, which reads all that is announced.
 * @returns true if there is one; its kind is for `detectPodDrift` to find out
 */
export async function hasUnannouncedDrift(kernel: KernelContext, pod: LivePod): Promise<boolean> {
  const { netnsPath, netnsInode } = pod.record;
  if (statSync(netnsPath, { bigint: true, throwIfNoEntry: false })?.ino !== netnsInode) return true;
  const device = getCurrentDevice(pod);
  return (
    pod.devices.length > 1 ||
    listUnpinnedHooks(kernel, device).length > 0 ||
    (await findHooksWithoutPodlaneProgram(kernel, device)).length > 0
  );
}
