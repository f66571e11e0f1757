import type { MigrationItem } from '../../../contract/migration.ts';
import { createMigrationItem } from '../../datapath/migration/plan-items.ts';
import { detectForeignAgents, findOwningAgent } from '../../kernel/foreign-agents.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { listHostEndPrograms } from '../counting/list-hook-programs.ts';
import type { HostEnd } from '../observed-pod.ts';

/**
 * Lists what has to be accepted before a pod with this host end is adopted: a network agent of others that made the device
 * and would repair what Podlane changes later.
 * @param cniConfig folder of the CNI configurations @param ours ids of Podlane's programs
 */
export async function listAdoptionItems(
  host: NetlinkSocket,
  hostEnd: HostEnd,
  cniConfig: string,
  ours: ReadonlySet<number>,
): Promise<MigrationItem[]> {
  using namespace = openCurrentNamespace();
  const { agents } = await detectForeignAgents({ host, hostNetnsInode: namespace.inode, cniConfig });
  const programs = (await listHostEndPrograms(host, hostEnd, ours)).filter((program) => !program.ours);
  const signs = {
    name: hostEnd.name,
    bridge: hostEnd.bridge?.name ?? null,
    programs: programs.map(({ name }) => name),
  };
  const owner = findOwningAgent(signs, agents);
  if (owner === null || owner.agent.live === false) return [];
  const { name, repairs, live, evidence } = owner.agent;
  const runs = live ? 'runs here' : 'may run here';
  return [
    createMigrationItem(
      'host',
      'network agent',
      name,
      `${name} ${runs}, and the device is its own: ${owner.because} (${evidence
        .map(({ text }) => text)
        .slice(0, 3)
        .join(', ')})`,
      'changed',
      `it repairs ${repairs}: what Podlane changes of this device it may set back, or take for a fault`,
    ),
  ];
}
