import type { RuleSetName } from '../../contract/rules.ts';
import { DatapathSettingsMap } from '../acl/load/datapath-settings-map.ts';
import { BpfArrayMap } from '../bpf/array-map.ts';
import { listPinnedLinks } from '../bpf/datapath-links.ts';
import { computeSlotFromIfindex, slotEntryOwner, slotToPrimaryIfindex } from '../bpf/datapath-structs.ts';
import { readBpfMapInfo } from '../bpf/map-info.ts';
import { datapathSettingsSize } from '../bpf/rule-layout.ts';
import { listLinks } from '../netlink/link.ts';
import type { NetworkLink } from '../netlink/link-message.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { RuleVersionRecord, StoredPod } from '../store/records.ts';
import type { AdoptionStore } from './adoption-store.ts';
import type { KernelRecords } from './kernel-records.ts';
import { withPinnedMap } from './pinned-map.ts';

/** Name of the stored setting with what was last known of the cluster. */
const clusterSetting = 'rules.cluster';

/** A device that runs with the programs pinned in this agent's directory. */
export interface PinnedDevice {
  slot: number;
  primary: NetworkLink;
  /** Number of the pod by the map `slots`; 0 if the map does not tell. */
  owner: number;
  /** The record of the pod in the kernel; null for a device of a version without records. */
  record: StoredPod | null;
}

/** What the kernel has and the store does not know. */
export interface UnknownState {
  devices: PinnedDevice[];
  /** Rules that are enforced: `record` is null if the kernel does not have their text. */
  rules: { record: RuleVersionRecord | null } | null;
}

/** Lists the devices in the agent's namespace that its pins belong to. */
export async function listPinnedDevices(pins: string, records: KernelRecords): Promise<PinnedDevice[]> {
  using host = NetlinkSocket.open();
  const primaries = new Map<number, NetworkLink>();
  for (const link of await listLinks(host)) {
    const slot = computeSlotFromIfindex(link.ifindex);
    if (slot !== null && link.ifindex === slotToPrimaryIfindex(slot)) primaries.set(slot, link);
  }
  const linked = new Set(listPinnedLinks(pins).map(({ slot }) => slot));
  const recorded = new Map(
    records.pods().flatMap((found) => found.devices.map(({ slot }) => [slot, found] as const)),
  );
  const ownerOf = readSlotOwners(pins, [...primaries.keys()]);
  return [...primaries]
    .map(([slot, primary]) => ({
      slot,
      primary,
      owner: ownerOf.get(slot) ?? 0,
      record: recorded.get(slot) ?? null,
    }))
    .filter(({ slot, owner, record }) => owner !== 0 || linked.has(slot) || record !== null);
}

/** Compares what is in the kernel with the store. Changes nothing. */
export async function findUnknownState(
  pins: string,
  records: KernelRecords,
  store: AdoptionStore,
  inCluster: boolean,
): Promise<UnknownState> {
  const [pods, devices] = await Promise.all([store.pods(), store.devices()]);
  const podOf = new Map(devices.map(({ slot, podId }) => [slot, pods.find(({ id }) => id === podId)]));
  const unknown = (await listPinnedDevices(pins, records)).filter(({ slot, owner, record }) => {
    const known = podOf.get(slot);
    if (known === undefined) return true;
    return (owner !== 0 && owner !== known.number) || (record !== null && record.pod.id !== known.id);
  });
  return { devices: unknown, rules: await findUnknownRules(pins, records, store, inCluster) };
}

async function findUnknownRules(
  pins: string,
  records: KernelRecords,
  store: AdoptionStore,
  inCluster: boolean,
): Promise<UnknownState['rules']> {
  const generation = readGeneration(pins, 'active', [...records.rules().active.keys()]);
  if (generation === null) return null;
  const record = records.rules().active.get(generation) ?? null;
  if (record === null) return (await store.lastRuleVersion()) === null ? { record } : null;
  // Rules of a cluster alone: it tells them again, and the store knows of it.
  if (record.text === null)
    return inCluster || (await store.setting('node', clusterSetting)) !== null ? null : { record };
  const known = await store.ruleVersion(record.number);
  return known?.text === record.text ? null : { record };
}

/** Returns the generation of a rule set that the kernel evaluates; null if it does not evaluate one. */
export function readGeneration(pins: string, set: RuleSetName, recorded: readonly number[]): number | null {
  return withPinnedMap(pins, 'settings', (fd) => {
    // Another version of Podlane may have another layout; its records tell the same.
    if (readBpfMapInfo(fd).valueBytes !== datapathSettingsSize) return recorded.at(-1) ?? null;
    const settings = new DatapathSettingsMap(fd);
    try {
      return settings.hasFlag(set) ? settings.generation(set) : null;
    } finally {
      settings.close();
    }
  });
}

/** Reads the numbers of the pods that slots belong to. */
function readSlotOwners(pins: string, slots: readonly number[]): Map<number, number> {
  const owners = withPinnedMap(pins, 'slots', (fd) => {
    const { valueBytes, maxEntries } = readBpfMapInfo(fd);
    const map = new BpfArrayMap(fd, 'slots', valueBytes);
    return slots
      .filter((slot) => slot < maxEntries)
      .map((slot) => [slot, slotEntryOwner(map.get(slot))] as const);
  });
  return new Map(owners ?? []);
}
