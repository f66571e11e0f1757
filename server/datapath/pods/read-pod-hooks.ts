import type { AttachedProgram } from '../../../contract/device.ts';
import type { PathTranslator } from '../../../contract/pod-path.ts';
import { slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { getLink } from '../../netlink/link.ts';
import { readAttachedPrograms } from '../device/podlane-programs.ts';
import type { KernelContext } from '../kernel-context.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { listTranslators } from './list-translators.ts';

/** What is on the hooks of a pod's device. */
export interface PodHooks {
  /** Programs in execution order, Podlane's own among them. */
  programs: AttachedProgram[];
  /** What of others may translate addresses unknown to the kernel's conntrack. */
  translators: PathTranslator[];
}

/** Reads what is on the hooks of a pod's device; nothing if the device is gone. */
export async function readPodHooks(kernel: KernelContext, pod: LivePod): Promise<PodHooks> {
  const device = getCurrentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(device.slot) });
  if (primary === null) return { programs: [], translators: [] };
  return {
    programs: await readAttachedPrograms(kernel, device),
    translators: await listTranslators(kernel, device, primary),
  };
}
