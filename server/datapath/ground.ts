import type { Capability, CapabilityName } from '../../contract/node.ts';
import type { DatapathPrograms } from '../bpf/datapath.ts';
import type { RtnetlinkSocket } from '../netlink/socket.ts';

/** What everything in the datapath stands on: the host's namespace, our programs, what the kernel can do. */
export interface Ground {
  /** in the namespace that holds the primaries: the agent's own */
  host: RtnetlinkSocket;
  programs: DatapathPrograms;
  capabilities: ReadonlyMap<CapabilityName, Capability>;
}

export const can = (ground: Ground, name: CapabilityName): boolean =>
  ground.capabilities.get(name)?.available === true;

/** The next hop of every pod's default route. Nobody has the address: neighbours are permanent, or there are none. */
export const podGateway = '169.254.1.1';
