import type { KernelCapability, KernelCapabilityName } from '../../contract/node.ts';
import type { DatapathPrograms } from '../bpf/datapath.ts';
import type { UserProgramPins } from '../bpf/user-program-pins.ts';
import type { InterfaceLookup } from '../kernel/interface-lookup.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { RedirectSettings } from './redirect-settings.ts';

/** Kernel side of the datapath: the host's network namespace, Podlane's programs, and the kernel's capabilities. */
export interface KernelContext {
  /** Netlink socket in the agent's network namespace, which contains the primaries. */
  host: NetlinkSocket;
  /** Looks up interfaces of that namespace. */
  interfaces: InterfaceLookup;
  programs: DatapathPrograms;
  /** Pins of programs that users attached to pods. */
  userPins: UserProgramPins;
  capabilities: ReadonlyMap<KernelCapabilityName, KernelCapability>;
  /** Hook family of veth primaries: `tcx`, or `tc` (clsact filters) on kernels without tcx. */
  primaryHooks: 'tcx' | 'tc';
  /** Whether packets between pods of this node are redirected. */
  redirect: Pick<RedirectSettings, 'appliesTo' | 'ofPod'>;
}

/** Packets that the kernel dropped for a pod, by reason without prefix; null where it cannot be counted. */
export type KernelDropReading = ReadonlyMap<string, number> | null;

export const hasKernelCapability = (
  kernel: Pick<KernelContext, 'capabilities'>,
  name: KernelCapabilityName,
): boolean => kernel.capabilities.get(name)?.available === true;
