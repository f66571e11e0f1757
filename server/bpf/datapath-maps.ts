import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { maxPacketCheckItems } from '../../contract/packet-checks.ts';
import { ProblemError } from '../../contract/problem.ts';
import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import {
  dropCountersSize,
  endpointEntrySize,
  endpointKeySizes,
  flowKeySize,
  flowPathSize,
  foreignDeviceEntrySize,
  foreignDeviceKeySize,
  maxEndpointsPerSlot,
  slotCountersSize,
  slotEntrySize,
} from './datapath-structs.ts';
import { readBpfMapInfo } from './map-info.ts';
import { ethertypeKeySize, sourcePrefixKeySize } from './packet-check-maps.ts';
import { traceFilterSize } from './packet-events.ts';
import { listPinNames, openPinnedObject, removePin, replacePin } from './pin.ts';
import {
  conntrackEntrySize,
  conntrackKeySize,
  conntrackPodSize,
  conntrackRingKeySize,
  datapathSettingsSize,
  fragmentEntrySize,
  fragmentKeySize,
  ipcacheEntrySize,
  ipcacheKeySize,
  lostVerdictsSize,
  nodeAddressSize,
  podPoliciesSize,
  policyEntrySize,
  policyKeySize,
  ruleEntrySize,
  ruleMapCapacities,
} from './rule-layout.ts';

/** Maps with counters and drops, whose content is kept when another build is loaded. */
const persistent = ['counters', 'drops'] as const;
/** Maps that the agent or traffic refills, so that another build may change their layout. */
const derived = [
  'slots',
  'foreign_devices',
  'endpoints4',
  'endpoints6',
  'source_prefixes',
  'ethertypes',
  'flow_paths',
] as const;
/** Maps of the access rules, kept when the agent restarts or loads a build with the same map layouts. */
export const ruleMapNames = [
  'settings',
  'ipcache',
  'pods',
  'policies',
  'staged_ipcache',
  'staged_pods',
  'staged_policies',
  'rule_entries',
  'node_addresses',
  'conntrack',
  'conntrack_ring',
  'conntrack_pods',
  'masqueraded',
  'fragments',
  'verdicts',
  'verdict_rates',
  'lost_verdicts',
  'traces',
  'trace_filters',
] as const;
/** Descriptors of the maps of the access rules, by map name. */
export type RuleMapDescriptors = Record<(typeof ruleMapNames)[number], number>;
/** Names of all maps in `bpf/datapath.bpf.c`, which are also the names of their pins. */
export const datapathMapNames = [...persistent, ...derived, ...ruleMapNames] as const;
export type DatapathMapName = (typeof datapathMapNames)[number];
export type DatapathMapDescriptors = Record<DatapathMapName, number>;

/**
 * Returns the name of a map in the object file. A global variable in its own section is a map with the section's
 * name.
 */
export const getMapNameInObject = (name: DatapathMapName): string =>
  name === 'settings' ? '.data.settings' : name;

/** Configured capacities of the datapath maps. */
export interface DatapathMapCapacities {
  /** Maximum number of devices that the maps have room for. */
  slots: number;
  /** Maximum number of tracked connections, beyond which the least recently used are evicted. */
  connections: number;
}

type Shape = { key: number; value: number; entries: (sizes: DatapathMapCapacities) => number };
const ipcache: Shape = {
  key: ipcacheKeySize,
  value: ipcacheEntrySize,
  entries: () => ruleMapCapacities.ipcache,
};
const pods: Shape = { key: 4, value: podPoliciesSize, entries: ({ slots }) => 2 * slots };
const policies: Shape = {
  key: policyKeySize,
  value: policyEntrySize,
  entries: () => ruleMapCapacities.policies,
};
const perSlot = ({ slots }: DatapathMapCapacities): number => slots;
const perSlotAndCpu = ({ slots }: DatapathMapCapacities): number => libbpf_num_possible_cpus() * slots;

const shape: Record<DatapathMapName, Shape> = {
  counters: { key: 4, value: slotCountersSize, entries: perSlotAndCpu },
  drops: { key: 4, value: dropCountersSize, entries: perSlotAndCpu },
  slots: { key: 4, value: slotEntrySize, entries: perSlot },
  foreign_devices: { key: foreignDeviceKeySize, value: foreignDeviceEntrySize, entries: perSlot },
  endpoints4: {
    key: endpointKeySizes[4],
    value: endpointEntrySize,
    entries: ({ slots }) => maxEndpointsPerSlot * slots,
  },
  endpoints6: {
    key: endpointKeySizes[6],
    value: endpointEntrySize,
    entries: ({ slots }) => maxEndpointsPerSlot * slots,
  },
  source_prefixes: {
    key: sourcePrefixKeySize,
    value: 4,
    entries: ({ slots }) => (maxPacketCheckItems + 1) * slots,
  },
  ethertypes: { key: ethertypeKeySize, value: 4, entries: ({ slots }) => maxPacketCheckItems * slots },
  flow_paths: { key: flowKeySize, value: flowPathSize, entries: ({ connections }) => connections },
  settings: { key: 4, value: datapathSettingsSize, entries: () => 1 },
  ipcache,
  pods,
  policies,
  staged_ipcache: ipcache,
  staged_pods: pods,
  staged_policies: policies,
  rule_entries: { key: 4, value: ruleEntrySize, entries: () => ruleMapCapacities.entries },
  node_addresses: { key: nodeAddressSize, value: 4, entries: () => ruleMapCapacities.nodeAddresses },
  conntrack: {
    key: conntrackKeySize,
    value: conntrackEntrySize,
    entries: ({ connections }) => connections,
  },
  conntrack_ring: {
    key: conntrackRingKeySize,
    value: conntrackKeySize,
    entries: ({ connections }) => connections,
  },
  conntrack_pods: { key: 4, value: conntrackPodSize, entries: ({ slots }) => 2 * slots },
  masqueraded: {
    key: conntrackKeySize,
    value: nodeAddressSize,
    entries: () => ruleMapCapacities.masqueraded,
  },
  fragments: { key: fragmentKeySize, value: fragmentEntrySize, entries: () => ruleMapCapacities.fragments },
  verdicts: { key: 0, value: 0, entries: () => ruleMapCapacities.verdictBytes },
  verdict_rates: { key: 4, value: 8, entries: perSlot },
  lost_verdicts: { key: 4, value: lostVerdictsSize, entries: perSlotAndCpu },
  traces: { key: 0, value: 0, entries: () => ruleMapCapacities.traceBytes },
  trace_filters: { key: 4, value: traceFilterSize, entries: () => ruleMapCapacities.traceFilters },
};

/** Returns the max_entries of a datapath map. */
export const datapathMapMaxEntries = (name: DatapathMapName, sizes: DatapathMapCapacities): number =>
  shape[name].entries(sizes);

/** Returns the key and value size of a datapath map in bytes, as this version of the agent expects them. */
export const datapathMapEntrySizes = (name: DatapathMapName): { keyBytes: number; valueBytes: number } => ({
  keyBytes: shape[name].key,
  valueBytes: shape[name].value,
});

const pinPath = (pins: string, name: string): string => join(pins, 'maps', name);

function hasShape(fd: number, name: DatapathMapName, sizes: DatapathMapCapacities): boolean {
  const info = readBpfMapInfo(fd);
  const { key, value, entries } = shape[name];
  return info.keyBytes === key && info.valueBytes === value && info.maxEntries === entries(sizes);
}

/**
 * Opens the maps that an earlier agent pinned. The derived maps are left out, all of them, when one is missing or has
 * another shape or size, and so are the rule maps: the load creates them anew.
 * @returns descriptors and the number of slots; null where no counters are pinned
 * @throws ProblemError `unprocessable` for counters of another layout, which this version cannot continue
 */
export function openPinnedDatapathMaps(
  pins: string,
  { connections }: Pick<DatapathMapCapacities, 'connections'>,
): { fds: Partial<DatapathMapDescriptors>; maxSlots: number } | null {
  const fds: Partial<DatapathMapDescriptors> = {};
  const close = (names: readonly DatapathMapName[]): void => {
    for (const name of names) {
      const fd = fds[name];
      if (fd !== undefined) closeSync(fd);
      delete fds[name];
    }
  };
  for (const name of datapathMapNames) {
    const fd = openPinnedObject(pinPath(pins, name));
    if (fd !== null) fds[name] = fd;
  }
  const { counters, drops } = fds;
  if (counters === undefined || drops === undefined) {
    // The earlier agent was killed between two pins: no program was attached yet.
    close(datapathMapNames);
    for (const name of datapathMapNames) removePin(pinPath(pins, name));
    return null;
  }
  const maxSlots = readBpfMapInfo(counters).maxEntries / libbpf_num_possible_cpus();
  const sizes = { slots: maxSlots, connections };
  for (const [name, fd] of Object.entries({ counters, drops }) as [(typeof persistent)[number], number][]) {
    if (hasShape(fd, name, sizes)) continue;
    const info = readBpfMapInfo(fd);
    close(datapathMapNames);
    throw new ProblemError(
      'unprocessable',
      `take over the pinned map ${pinPath(pins, name)}: it has ${info.maxEntries} entries of ${info.valueBytes} bytes, ` +
        `not ${datapathMapMaxEntries(name, sizes)} of ${shape[name].value}`,
      {
        hint: `It belongs to another version of Podlane: detach the pods with that version, or remove ${pins}.`,
      },
    );
  }
  for (const group of [derived, ruleMapNames]) {
    const isComplete = group.every((name) => {
      const fd = fds[name];
      return fd !== undefined && hasShape(fd, name, sizes);
    });
    if (!isComplete) close(group);
  }
  return { fds, maxSlots };
}

/**
 * Opens all maps while programs run with them.
 * @returns descriptors, which the caller closes
 * @throws ProblemError `unprocessable` when a pin was removed: another build could not use that map
 */
export function reopenDatapathMaps(pins: string): DatapathMapDescriptors {
  const fds: Partial<DatapathMapDescriptors> = {};
  for (const name of datapathMapNames) {
    const fd = openPinnedObject(pinPath(pins, name));
    if (fd === null) {
      for (const open of Object.values(fds)) closeSync(open);
      throw new ProblemError(
        'unprocessable',
        `load another build: the pin ${pinPath(pins, name)} is missing`,
        {
          hint: 'It was removed by another process: restart the agent, which creates it again.',
        },
      );
    }
    fds[name] = fd;
  }
  return fds as DatapathMapDescriptors;
}

/**
 * Pins the maps of a load that are not pinned yet, and removes pins of maps that this version does not have.
 * @returns new descriptors of all maps, which the caller closes
 */
export function pinDatapathMaps(
  pins: string,
  loaded: ReadonlyMap<string, number>,
  pinned: Partial<DatapathMapDescriptors>,
): DatapathMapDescriptors {
  const fds = Object.fromEntries(
    datapathMapNames.map((name) => [
      name,
      pinned[name] ?? pinNewMap(pinPath(pins, name), loaded.get(getMapNameInObject(name))),
    ]),
  ) as DatapathMapDescriptors;
  for (const name of listPinNames(join(pins, 'maps')))
    if (!(datapathMapNames as readonly string[]).includes(name)) removePin(pinPath(pins, name));
  return fds;
}

/** Returns the paths of the pins of all maps. */
export const datapathMapPinPaths = (pins: string): Record<DatapathMapName, string> =>
  Object.fromEntries(datapathMapNames.map((name) => [name, pinPath(pins, name)])) as Record<
    DatapathMapName,
    string
  >;

function pinNewMap(path: string, loaded: number | undefined): number {
  if (loaded === undefined) throw new Error(`${path}: the object has no such map`);
  replacePin(loaded, path);
  const fd = openPinnedObject(path);
  if (fd === null) throw new Error(`${path}: the pin was removed at once`);
  return fd;
}
