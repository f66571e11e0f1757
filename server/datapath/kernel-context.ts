import type { Capability, CapabilityName } from '../../contract/node.ts';
import type { DatapathPrograms } from '../bpf/datapath.ts';
import type { UserPins } from '../bpf/user-pins.ts';
import type { RtnetlinkSocket } from '../netlink/socket.ts';

/** What everything in the datapath stands on: the host's namespace, our programs, what the kernel can do. */
export interface Ground {
  /** in the namespace that holds the primaries: the agent's own */
  host: RtnetlinkSocket;
  programs: DatapathPrograms;
  /** programs that users put on pods */
  users: UserPins;
  capabilities: ReadonlyMap<CapabilityName, Capability>;
  /** The hooks of a primary: tcx, or clsact's where the kernel has no tcx. */
  primaryHooks: 'tcx' | 'tc';
  /** Whether packets between pods of this node may take the short way. */
  redirect: boolean;
}

export const can = (ground: Pick<Ground, 'capabilities'>, name: CapabilityName): boolean =>
  ground.capabilities.get(name)?.available === true;
