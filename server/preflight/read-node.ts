import type { KernelCapability } from '../../contract/node.ts';
import { readForwarding } from '../datapath/migration/preflight.ts';
import { findUplink } from '../datapath/pods/read-pod-path.ts';
import { detectForeignAgents, type ForeignAgentReading } from '../kernel/foreign-agents.ts';
import { listLegacyNat } from '../kernel/nat-rules.ts';
import { type HelperProbe, probeNetkitHelpers } from '../kernel/netkit-helpers.ts';
import { openCurrentNamespace } from '../kernel/netns.ts';
import { listRunningProcesses, type RunningProcess, seesAllProcesses } from '../kernel/running-processes.ts';
import { listLinks } from '../netlink/link.ts';
import type { NetworkLink } from '../netlink/link-message.ts';
import { isNetlinkError } from '../netlink/netlink-error.ts';
import { formatNftScope, listNftChains } from '../netlink/nftables.ts';
import { listQueueLeases, type QueueLease } from '../netlink/queue-lease.ts';
import { NetlinkSocket } from '../netlink/socket.ts';

/** What a preflight takes from the rest of the agent about the node. */
export interface NodeSource {
  readonly capabilities: readonly KernelCapability[];
  readonly slots: { used: number; max: number };
  readonly redirect: boolean;
  /** True if the running programs look connections up in the kernel's conntrack. */
  readonly usesConntrack: boolean;
  /** Folder of the CNI configurations. */
  readonly cniConfig: string;
}

/** What a preflight of pods needs to know of the node, read once for many pods. */
export interface NodeReading {
  readonly capabilities: readonly KernelCapability[];
  readonly slots: { used: number; max: number };
  readonly redirect: boolean;
  readonly usesConntrack: boolean;
  /** Helpers at netkit's hooks. */
  helpers: HelperProbe[];
  forwarding: { ready: boolean; detail: string };
  agents: ForeignAgentReading;
  /** Where the node translates addresses, such as `iptables` or `table ip nat`; null if nftables cannot be read. */
  nat: { where: string[]; unread: string | null };
  /** Interfaces of the host by index. */
  links: ReadonlyMap<number, NetworkLink>;
  uplink: NetworkLink | null;
  leases: readonly QueueLease[];
  processes: readonly RunningProcess[];
  /** False if the agent sees only some processes of the node. */
  allProcesses: boolean;
}

/** Reads what the preflight of the node and its pods needs. Changes nothing. */
export async function readNode(source: NodeSource): Promise<NodeReading> {
  using namespace = openCurrentNamespace();
  using host = NetlinkSocket.open();
  const links = await listLinks(host);
  return {
    capabilities: source.capabilities,
    slots: source.slots,
    redirect: source.redirect,
    usesConntrack: source.usesConntrack,
    helpers: await probeNetkitHelpers(),
    forwarding: readForwarding(true),
    agents: await detectForeignAgents({ host, hostNetnsInode: namespace.inode, cniConfig: source.cniConfig }),
    nat: await readNat(),
    links: new Map(links.map((link) => [link.ifindex, link])),
    uplink: await findUplink({ host }),
    leases: await readLeases(),
    processes: await listRunningProcesses(),
    allProcesses: await seesAllProcesses(),
  };
}

async function readNat(): Promise<NodeReading['nat']> {
  const legacy = listLegacyNat().map((command) => `${command} (legacy)`);
  using socket = NetlinkSocket.open('netfilter');
  try {
    const chains = (await listNftChains(socket)).filter(({ type }) => type === 'nat');
    return {
      where: [...legacy, ...new Set(chains.map((chain) => `table ${formatNftScope(chain)}`))],
      unread: null,
    };
  } catch (error) {
    // A kernel without nf_tables answers so, and has no rules there.
    if (isNetlinkError(error, 'EINVAL', 'EOPNOTSUPP', 'ENOENT')) return { where: legacy, unread: null };
    return { where: legacy, unread: (error as Error).message };
  }
}

async function readLeases(): Promise<QueueLease[]> {
  using generic = NetlinkSocket.open('generic');
  return await listQueueLeases(generic);
}
