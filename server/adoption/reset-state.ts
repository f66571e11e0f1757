import { join } from 'node:path';
import { detachPinnedLink, listPinnedLinks } from '../bpf/datapath-links.ts';
import { listPinNames, removePinDirectory } from '../bpf/pin.ts';
import { deleteLink } from '../netlink/link.ts';
import { isNetlinkError } from '../netlink/netlink-error.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { removeObservePrograms } from '../runtime/counting/host-end-programs.ts';
import type { AdoptionStore } from './adoption-store.ts';
import type { PinnedDevice } from './unknown-state.ts';

/**
 * Removes what Podlane has in the kernel: the devices of its pods, programs, maps, links and rules; and in the store
 * the pods and the active rules. History stays.
 * @returns a sentence that says what was removed
 */
export async function resetState(
  pins: string,
  devices: readonly PinnedDevice[],
  store: AdoptionStore,
): Promise<string> {
  using host = NetlinkSocket.open();
  for (const { primary } of devices)
    try {
      await deleteLink(host, primary.ifindex);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error;
    }
  for (const link of listPinnedLinks(pins)) await detachPinnedLink(link);
  await removeObservePrograms(pins, host);
  // The directory itself is locked by this agent and stays.
  for (const name of listPinNames(pins)) removePinDirectory(join(pins, name));
  const time = new Date();
  for (const migration of await store.openMigrations())
    await store.saveMigration({ ...migration, state: 'failed', endedAt: time.toISOString() });
  for (const pod of await store.pods()) await store.removePod(pod.id);
  await store.saveSetting('node', 'rules.staged', null);
  if (((await store.lastRuleVersion())?.text ?? null) !== null)
    await store.addRuleVersion({
      time,
      actor: 'reset',
      comment: 'Started with --reset',
      restored: null,
      name: null,
      rules: 0,
      text: null,
    });
  return `The agent was reset: ${devices.length} devices and all access rules were removed`;
}
