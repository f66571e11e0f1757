import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import { libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import { counterBytes, dropBytes, slotBytes } from './layout.ts';
import { mapInfo } from './map.ts';
import { openPinned, pin, unpin } from './pin.ts';

/** The maps of `bpf/datapath.bpf.c` by name, with the size of their values. */
const valueBytes = { counters: counterBytes, drops: dropBytes, slots: slotBytes } as const;
type MapName = keyof typeof valueBytes;
export const mapNames = Object.keys(valueBytes) as MapName[];
export type DatapathMaps = Record<MapName, number>;

const pathOf = (pins: string, name: MapName): string => join(pins, 'maps', name);

/** How many entries each map has for so many slots. */
export const mapEntries = (maxSlots: number): Record<MapName, number> => ({
  counters: libbpf_num_possible_cpus() * maxSlots,
  drops: libbpf_num_possible_cpus() * maxSlots,
  slots: maxSlots,
});

/**
 * Descriptors of the maps an earlier agent pinned, and their number of slots; null where there are none.
 * @throws ProblemError `unprocessable` for maps of another layout, which this build cannot count on with
 */
export function openPinnedMaps(pins: string): { fds: DatapathMaps; maxSlots: number } | null {
  const opened = mapNames.map((name) => [name, openPinned(pathOf(pins, name))] as const);
  const close = (): void => {
    for (const [, fd] of opened) if (fd !== null) closeSync(fd);
  };
  if (opened.some(([, fd]) => fd === null)) {
    // Killed between two pins: no program was attached yet.
    close();
    for (const name of mapNames) unpin(pathOf(pins, name));
    return null;
  }
  const fds = Object.fromEntries(opened) as DatapathMaps;
  const maxSlots = mapInfo(fds.slots).maxEntries;
  for (const name of mapNames) {
    const info = mapInfo(fds[name]);
    const entries = mapEntries(maxSlots)[name];
    if (info.valueBytes === valueBytes[name] && info.maxEntries === entries) continue;
    close();
    throw new ProblemError(
      'unprocessable',
      `take over the pinned map ${pathOf(pins, name)}: ${info.maxEntries} entries of ${info.valueBytes} bytes, ` +
        `not ${entries} of ${valueBytes[name]}`,
      { hint: `it is of another version of Podlane: detach the pods with that one, or remove ${pins}` },
    );
  }
  return { fds, maxSlots };
}

/** Pins the maps of a fresh load and answers descriptors of our own. */
export function pinMaps(pins: string, loaded: ReadonlyMap<string, number>): DatapathMaps {
  return Object.fromEntries(
    mapNames.map((name) => {
      pin(loaded.get(name)!, pathOf(pins, name));
      return [name, openPinned(pathOf(pins, name))!];
    }),
  ) as DatapathMaps;
}
