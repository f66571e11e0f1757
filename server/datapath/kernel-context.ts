import type { KernelCapability, KernelCapabilityName } from '../../contract/node.ts';
import type { DatapathPrograms } from '../bpf/datapath.ts';
import type { UserProgramPins } from '../bpf/user-program-pins.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

/** The kernel side of the datapath: the host's namespace, Podlane's programs, and the kernel's capabilities. */
export interface KernelContext {
  /** Socket in the agent's own namespace, which holds the primaries. */
  host: NetlinkSocket;
  programs: DatapathPrograms;
  /** Pins of programs that users attached to pods. */
  userPins: UserProgramPins;
  capabilities: ReadonlyMap<KernelCapabilityName, KernelCapability>;
  /** Hook family of primaries: tcx, or clsact filters where the kernel has no tcx. */
  primaryHooks: 'tcx' | 'tc';
  /** True if packets between pods of this node are redirected. */
  redirect: boolean;
}

export const hasCapability = (
  kernel: Pick<KernelContext, 'capabilities'>,
  name: KernelCapabilityName,
): boolean => kernel.capabilities.get(name)?.available === true;
