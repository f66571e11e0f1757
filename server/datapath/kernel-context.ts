import type { Capability, CapabilityName } from '../../contract/node.ts';
import type { DatapathPrograms } from '../bpf/datapath.ts';
import type { UserProgramPins } from '../bpf/user-program-pins.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

/** What everything in the datapath stands on: the host's namespace, our programs, what the kernel can do. */
export interface KernelContext {
  /** in the namespace that holds the primaries: the agent's own */
  host: NetlinkSocket;
  programs: DatapathPrograms;
  /** programs that users put on pods */
  userPins: UserProgramPins;
  capabilities: ReadonlyMap<CapabilityName, Capability>;
  /** The hooks of a primary: tcx, or clsact's where the kernel has no tcx. */
  primaryHooks: 'tcx' | 'tc';
  /** True if packets between pods of this node are redirected. */
  redirect: boolean;
}

export const hasCapability = (kernel: Pick<KernelContext, 'capabilities'>, name: CapabilityName): boolean =>
  kernel.capabilities.get(name)?.available === true;
