import { deleteClsactQdisc, findFilterQdiscKind } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { listTcFilters } from '../../netlink/tc-filter.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import {
  detachHookFamily,
  releaseSlotPrograms,
  removeRedirectEndpoints,
} from '../device/podlane-programs.ts';
import { getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { EnterPodActivity } from '../pod-activity.ts';
import type { LivePod } from '../pod-registry.ts';
import { removePodFromMemory } from '../pods/pod-lifecycle.ts';

/** Detaches Podlane's programs and users' from a device that others made, and forgets its addresses. Idempotent. */
export async function detachFromForeignDevice(kernel: KernelContext, pod: LivePod): Promise<void> {
  removeRedirectEndpoints(kernel, pod.record);
  for (const device of pod.devices) {
    try {
      await detachHookFamily(kernel, device.slot, device.hooks);
      if (device.hooks === 'tc' && pod.record.adoption?.device.clsact === false)
        await removeEmptyClsact(kernel, device);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error;
    }
    await releaseSlotPrograms(kernel, device.slot);
  }
}

/** Deletes the clsact qdisc that Podlane's filters needed, unless somebody else has filters there. */
async function removeEmptyClsact({ host }: KernelContext, device: IndexedDevice): Promise<void> {
  const ifindex = getPrimaryIfindex(device);
  if ((await findFilterQdiscKind(host, ifindex)) !== 'clsact') return;
  for (const hook of ['tc/ingress', 'tc/egress'] as const)
    if ((await listTcFilters(host, ifindex, hook)).length > 0) return;
  await deleteClsactQdisc(host, ifindex);
}

/**
 * Ends the adoption of a pod that is on a device as others made it: Podlane's programs, then its record. In this order, a
 * killed agent finds the pod again and it can be released again.
 */
export async function finishRelease(
  context: DatapathContext,
  pod: LivePod,
  enter: EnterPodActivity,
  actor: string,
): Promise<void> {
  await detachFromForeignDevice(context.kernel, pod);
  await context.store.removePod(pod.record.id);
  const message = `${formatPodName(pod)} released by ${actor}: it is as it was before it was adopted`;
  await removePodFromMemory(context, pod, enter, { type: 'pod.released', message });
}
