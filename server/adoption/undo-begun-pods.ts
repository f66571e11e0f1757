import type { Logger } from 'pino';
import { BpfArrayMap } from '../bpf/array-map.ts';
import { listPinnedLinksOfSlot } from '../bpf/datapath-links.ts';
import { slotEntryOwner, slotToPrimaryIfindex } from '../bpf/datapath-structs.ts';
import { readBpfMapInfo } from '../bpf/map-info.ts';
import { removePin } from '../bpf/pin.ts';
import { deleteLink } from '../netlink/link.ts';
import { isNetlinkError } from '../netlink/netlink-error.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { AdoptionStore } from './adoption-store.ts';
import type { KernelRecords } from './kernel-records.ts';
import { withPinnedMap } from './pinned-map.ts';

/**
 * Removes what an agent that was killed had made for pods before they were in the store: nobody was answered that they are
 * attached. A slot that another pod has by now is left alone.
 */
export async function undoBegunPods(
  pins: string,
  records: KernelRecords,
  store: Pick<AdoptionStore, 'pods'>,
  log: Logger,
): Promise<void> {
  const begun = records.begunPods();
  if (begun.length === 0) return;
  const known = new Set((await store.pods()).map(({ id }) => id));
  using host = NetlinkSocket.open();
  for (const { pod, devices } of begun) {
    if (known.has(pod.id)) continue;
    for (const { slot } of devices) {
      if (readSlotOwner(pins, slot) !== pod.number) continue;
      await deleteLink(host, slotToPrimaryIfindex(slot)).catch((error: unknown) => {
        if (!isNetlinkError(error, 'ENODEV')) throw error;
      });
      for (const { path } of listPinnedLinksOfSlot(pins, slot)) removePin(path);
      clearSlot(pins, slot);
    }
    records.savePod(pod.number, null);
    log.info(
      { pod: `${pod.namespace}/${pod.name}` },
      'removed a pod that an agent was attaching when it ended',
    );
  }
}

function readSlotOwner(pins: string, slot: number): number {
  return withSlots(pins, slot, (map) => slotEntryOwner(map.get(slot))) ?? 0;
}

function clearSlot(pins: string, slot: number): void {
  withSlots(pins, slot, (map, valueBytes) => map.set(slot, Buffer.alloc(valueBytes)));
}

/** Runs `use` with the pinned map of slots. @returns null if there is none, or it has no such slot */
const withSlots = <T>(
  pins: string,
  slot: number,
  use: (map: BpfArrayMap, valueBytes: number) => T,
): T | null =>
  withPinnedMap(pins, 'slots', (fd) => {
    const { valueBytes, maxEntries } = readBpfMapInfo(fd);
    return slot < maxEntries ? use(new BpfArrayMap(fd, 'slots', valueBytes), valueBytes) : null;
  });
