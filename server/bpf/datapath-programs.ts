import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Hook } from '../../contract/device.ts';
import { ArrayMap } from './array-map.ts';
import type { LinkHook } from './hook.ts';
import { withObjectById } from './kernel-object.ts';
import { mapInfo } from './map-info.ts';
import { openPinned, pinOver } from './pin.ts';
import { type ProgramInfo, programFdById, programInfo } from './program-info.ts';
import { configBuildOffset, configBytes } from './slot-layout.ts';

/** Names of the programs in `bpf/datapath.bpf.c`, by the hook that each is attached to. */
export const programAt = {
  'netkit/peer': 'from_pod_netkit',
  'netkit/primary': 'to_pod_netkit',
  'tcx/ingress': 'from_pod_tcx',
  'tcx/egress': 'to_pod_tcx',
  'tc/ingress': 'from_pod_tc',
  'tc/egress': 'to_pod_tc',
} as const satisfies Record<Hook, string>;
export type ProgramName = (typeof programAt)[Hook];
export const programNames: readonly ProgramName[] = Object.values(programAt);
/** Hooks at which programs are attached by BPF links; clsact filters are attached over rtnetlink instead. */
export const linkHooks = (Object.keys(programAt) as Hook[]).filter(
  (hook): hook is LinkHook => hook !== 'tc/ingress' && hook !== 'tc/egress',
);

export interface LoadedProgram {
  fd: number;
  id: number;
}
export type DatapathPrograms = Record<ProgramName, LoadedProgram>;

const pathOf = (pins: string, name: ProgramName): string => join(pins, 'programs', name);

/** Reads the id of a program's build from its .rodata map; null for a program that is not Podlane's. */
function buildOf(program: ProgramInfo): string | null {
  for (const id of program.mapIds) {
    const build = withObjectById('map', id, (fd) => {
      const { name, valueBytes } = mapInfo(fd);
      if (!name.endsWith('.rodata') || valueBytes !== configBytes) return null;
      return new ArrayMap(fd, name, valueBytes).get(0).toString('hex', configBuildOffset);
    });
    if (build) return build;
  }
  return null;
}

/** Opens the programs that an earlier agent pinned; null unless all are of `build` and use the maps `mapIds`. */
export function openPinnedPrograms(
  pins: string,
  build: string,
  mapIds: readonly number[],
): DatapathPrograms | null {
  const found: Partial<DatapathPrograms> = {};
  for (const name of programNames) {
    const fd = openPinned(pathOf(pins, name));
    if (fd === null) break;
    const info = programInfo(fd);
    found[name] = { fd, id: info.id };
    if (buildOf(info) !== build || !mapIds.every((id) => info.mapIds.includes(id))) break;
    if (name === programNames.at(-1)) return found as DatapathPrograms;
  }
  for (const program of Object.values(found)) closeSync(program.fd);
  return null;
}

/** Opens new descriptors of loaded programs, since closing the object closes its own. */
export function keepPrograms(loaded: ReadonlyMap<string, number>): DatapathPrograms {
  const entries = programNames.map((name) => {
    const own = loaded.get(name);
    if (own === undefined) throw new Error(`the object has no program ${name}`);
    const { id } = programInfo(own);
    const fd = programFdById(id);
    if (fd === null) throw new Error(`program ${name} was unloaded right after it was loaded`);
    return [name, { fd, id }] as const;
  });
  return Object.fromEntries(entries) as DatapathPrograms;
}

/** Pins the programs for the next agent, atomically replacing older pins. */
export function pinPrograms(pins: string, programs: DatapathPrograms): void {
  for (const name of programNames) pinOver(programs[name].fd, pathOf(pins, name));
}

export function closePrograms(programs: DatapathPrograms): void {
  for (const name of programNames) closeSync(programs[name].fd);
}
