import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import {
  addressBytes,
  counterBytes,
  dropBytes,
  endpointBytes,
  endpointsPerSlot,
  slotBytes,
} from './layout.ts';
import { mapInfo } from './map.ts';
import { openPinned, pinOver, unpin } from './pin.ts';

/** What counts on through every build. */
const kept = ['counters', 'drops'] as const;
/** What the agent fills anew at each start, so that it may change its shape. */
const derived = ['slots', 'endpoints4', 'endpoints6'] as const;
/** The maps of `bpf/datapath.bpf.c`. */
export const mapNames = [...kept, ...derived] as const;
export type MapName = (typeof mapNames)[number];
export type DatapathMaps = Record<MapName, number>;

const shape: Record<MapName, { key: number; value: number; entries: (slots: number) => number }> = {
  counters: { key: 4, value: counterBytes, entries: (slots) => libbpf_num_possible_cpus() * slots },
  drops: { key: 4, value: dropBytes, entries: (slots) => libbpf_num_possible_cpus() * slots },
  slots: { key: 4, value: slotBytes, entries: (slots) => slots },
  endpoints4: { key: addressBytes[4], value: endpointBytes, entries: (slots) => endpointsPerSlot * slots },
  endpoints6: { key: addressBytes[6], value: endpointBytes, entries: (slots) => endpointsPerSlot * slots },
};

/** How many entries each map has for so many slots. */
export const mapEntries = (name: MapName, maxSlots: number): number => shape[name].entries(maxSlots);

/** Key and value in bytes, as this agent reads and writes them. */
export const mapBytes = (name: MapName): { keyBytes: number; valueBytes: number } => ({
  keyBytes: shape[name].key,
  valueBytes: shape[name].value,
});

const pathOf = (pins: string, name: MapName): string => join(pins, 'maps', name);

function fits(fd: number, name: MapName, maxSlots: number): boolean {
  const info = mapInfo(fd);
  const { key, value, entries } = shape[name];
  return info.keyBytes === key && info.valueBytes === value && info.maxEntries === entries(maxSlots);
}

/**
 * Descriptors of the maps an earlier agent pinned, and their number of slots; null where there are none. Derived
 * maps of another shape are left out: they are to be made anew, all of them.
 * @throws ProblemError `unprocessable` for counters of another layout, which this build cannot count on with
 */
export function openPinnedMaps(pins: string): { fds: Partial<DatapathMaps>; maxSlots: number } | null {
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
  for (const name of kept) {
    if (fits(fds[name]!, name, maxSlots)) continue;
    const info = mapInfo(fds[name]!);
    close(mapNames);
    throw new ProblemError(
      'unprocessable',
      `take over the pinned map ${pathOf(pins, name)}: ${info.maxEntries} entries of ${info.valueBytes} bytes, ` +
        `not ${mapEntries(name, maxSlots)} of ${shape[name].value}`,
      { hint: `it is of another version of Podlane: detach the pods with that one, or remove ${pins}` },
    );
  }
  if (!derived.every((name) => fds[name] !== undefined && fits(fds[name], name, maxSlots))) close(derived);
  return { fds, maxSlots };
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
      pinOver(loaded.get(name)!, pathOf(pins, name));
      return [name, openPinned(pathOf(pins, name))!];
    }),
  ) as DatapathMaps;
}
