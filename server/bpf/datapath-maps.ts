import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import {
  endpointKeyBytes,
  counterBytes,
  dropBytes,
  endpointBytes,
  endpointsPerSlot,
  slotBytes,
} from './slot-layout.ts';
import { mapInfo } from './array-map.ts';
import { openPinned, pinOver, unpin } from './pin.ts';
import { traceFilterBytes } from './rule-events.ts';
import {
  assignedBytes,
  assignmentBytes,
  connectionBytes,
  connectionKeyBytes,
  entryBytes,
  fragmentKeyBytes,
  identityBytes,
  lostBytes,
  nodeAddressBytes,
  policyBytes,
  prefixBytes,
  ruleRoom,
  settingsBytes,
} from './rule-layout.ts';

/** What counts on through every build. */
const kept = ['counters', 'drops'] as const;
/** What the agent fills anew at each start, so that it may change its shape. */
const derived = ['slots', 'endpoints4', 'endpoints6'] as const;
/** Access rules and what belongs to them: in force over restarts of the agent and through builds of the same shapes. */
export const ruleMapNames = [
  'settings',
  'prefixes',
  'policies',
  'assignments',
  'draft_prefixes',
  'draft_policies',
  'draft_assignments',
  'rows',
  'node_addresses',
  'connections',
  'fragments',
  'verdicts',
  'verdict_rates',
  'lost_verdicts',
  'traces',
  'trace_filters',
] as const;
/** Descriptors. */
export type RuleMaps = Record<(typeof ruleMapNames)[number], number>;
/** The maps of `bpf/datapath.bpf.c`. */
export const mapNames = [...kept, ...derived, ...ruleMapNames] as const;
export type MapName = (typeof mapNames)[number];
export type DatapathMaps = Record<MapName, number>;

/** As the object has it: a variable in a section of its own is a map of that section's name. */
export const nameInObject = (name: MapName): string => (name === 'settings' ? '.data.settings' : name);

/** How much the maps hold. */
export interface MapSizes {
  /** Devices. */
  slots: number;
  /** Connections that are remembered; the least recently used go first. */
  connections: number;
}

type Shape = { key: number; value: number; entries: (sizes: MapSizes) => number };
const tries = { key: prefixBytes, value: identityBytes, entries: () => ruleRoom.prefixes };
const policies: Shape = { key: 4, value: policyBytes, entries: ({ slots }) => 2 * slots };
const assignments = { key: assignmentBytes, value: assignedBytes, entries: () => ruleRoom.assignments };
const perSlot = ({ slots }: MapSizes): number => slots;
const perSlotAndCpu = ({ slots }: MapSizes): number => libbpf_num_possible_cpus() * slots;

const shape: Record<MapName, Shape> = {
  counters: { key: 4, value: counterBytes, entries: perSlotAndCpu },
  drops: { key: 4, value: dropBytes, entries: perSlotAndCpu },
  slots: { key: 4, value: slotBytes, entries: perSlot },
  endpoints4: {
    key: endpointKeyBytes[4],
    value: endpointBytes,
    entries: ({ slots }) => endpointsPerSlot * slots,
  },
  endpoints6: {
    key: endpointKeyBytes[6],
    value: endpointBytes,
    entries: ({ slots }) => endpointsPerSlot * slots,
  },
  settings: { key: 4, value: settingsBytes, entries: () => 1 },
  prefixes: tries,
  policies,
  assignments,
  draft_prefixes: tries,
  draft_policies: policies,
  draft_assignments: assignments,
  rows: { key: 4, value: entryBytes, entries: () => ruleRoom.entries },
  node_addresses: { key: nodeAddressBytes, value: 4, entries: () => ruleRoom.nodeAddresses },
  connections: {
    key: connectionKeyBytes,
    value: connectionBytes,
    entries: ({ connections }) => connections,
  },
  fragments: { key: fragmentKeyBytes, value: 4, entries: () => ruleRoom.fragments },
  verdicts: { key: 0, value: 0, entries: () => ruleRoom.verdictBytes },
  verdict_rates: { key: 4, value: 8, entries: perSlot },
  lost_verdicts: { key: 4, value: lostBytes, entries: perSlotAndCpu },
  traces: { key: 0, value: 0, entries: () => ruleRoom.traceBytes },
  trace_filters: { key: 4, value: traceFilterBytes, entries: () => ruleRoom.traceFilters },
};

/** How many entries each map has. */
export const mapEntries = (name: MapName, sizes: MapSizes): number => shape[name].entries(sizes);

/** Key and value in bytes, as this agent reads and writes them. */
export const mapBytes = (name: MapName): { keyBytes: number; valueBytes: number } => ({
  keyBytes: shape[name].key,
  valueBytes: shape[name].value,
});

const pathOf = (pins: string, name: MapName): string => join(pins, 'maps', name);

function fits(fd: number, name: MapName, sizes: MapSizes): boolean {
  const info = mapInfo(fd);
  const { key, value, entries } = shape[name];
  return info.keyBytes === key && info.valueBytes === value && info.maxEntries === entries(sizes);
}

/**
 * Descriptors of the maps an earlier agent pinned, and their number of slots; null where there are none. Derived
 * maps of another shape or size are left out: they are to be made anew, all of them; so are those of rules.
 * @throws ProblemError `unprocessable` for counters of another layout, which this build cannot count on with
 */
export function openPinnedMaps(
  pins: string,
  { connections }: Pick<MapSizes, 'connections'>,
): { fds: Partial<DatapathMaps>; maxSlots: number } | null {
  const fds: Partial<DatapathMaps> = {};
  const close = (names: readonly MapName[]): void => {
    for (const name of names) {
      const fd = fds[name];
      if (fd !== undefined) closeSync(fd);
      delete fds[name];
    }
  };
  for (const name of mapNames) {
    const fd = openPinned(pathOf(pins, name));
    if (fd !== null) fds[name] = fd;
  }
  if (kept.some((name) => fds[name] === undefined)) {
    // Killed between two pins: no program was attached yet.
    close(mapNames);
    for (const name of mapNames) unpin(pathOf(pins, name));
    return null;
  }
  const maxSlots = mapInfo(fds.counters!).maxEntries / libbpf_num_possible_cpus();
  const sizes = { slots: maxSlots, connections };
  for (const name of kept) {
    if (fits(fds[name]!, name, sizes)) continue;
    const info = mapInfo(fds[name]!);
    close(mapNames);
    throw new ProblemError(
      'unprocessable',
      `take over the pinned map ${pathOf(pins, name)}: ${info.maxEntries} entries of ${info.valueBytes} bytes, ` +
        `not ${mapEntries(name, sizes)} of ${shape[name].value}`,
      { hint: `it is of another version of Podlane: detach the pods with that one, or remove ${pins}` },
    );
  }
  for (const group of [derived, ruleMapNames])
    if (!group.every((name) => fds[name] !== undefined && fits(fds[name], name, sizes))) close(group);
  return { fds, maxSlots };
}

/**
 * Descriptors of all maps while programs run with them, which the caller closes.
 * @throws ProblemError `unprocessable` when somebody took a pin away: another build could not go on with that map
 */
export function reopenMaps(pins: string): DatapathMaps {
  const fds: Partial<DatapathMaps> = {};
  for (const name of mapNames) {
    const fd = openPinned(pathOf(pins, name));
    if (fd === null) {
      for (const open of Object.values(fds)) closeSync(open);
      throw new ProblemError('unprocessable', `load another build: the pin ${pathOf(pins, name)} is gone`, {
        hint: 'Somebody removed it: start the agent again, which makes it anew.',
      });
    }
    fds[name] = fd;
  }
  return fds as DatapathMaps;
}

/** Pins those maps of a load that are not pinned, in place of what they replace; answers descriptors of our own. */
export function pinMaps(
  pins: string,
  loaded: ReadonlyMap<string, number>,
  pinned: Partial<DatapathMaps>,
): DatapathMaps {
  return Object.fromEntries(
    mapNames.map((name) => {
      const there = pinned[name];
      if (there !== undefined) return [name, there];
      pinOver(loaded.get(nameInObject(name))!, pathOf(pins, name));
      return [name, openPinned(pathOf(pins, name))!];
    }),
  ) as DatapathMaps;
}
