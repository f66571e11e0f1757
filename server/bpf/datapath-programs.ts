import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Hook } from '../../contract/device.ts';
import { BpfArrayMap } from './array-map.ts';
import { withBpfObjectById } from './bpf-object-info.ts';
import { type DatapathFeatures, encodeDatapathFeatures } from './datapath-features.ts';
import {
  datapathConfigBuildOffset,
  datapathConfigFeaturesOffset,
  datapathConfigSize,
} from './datapath-structs.ts';
import type { LinkHook } from './hook.ts';
import { readBpfMapInfo } from './map-info.ts';
import { openPinnedObject, replacePin } from './pin.ts';
import { type BpfProgramInfo, openProgramById, readBpfProgramInfo } from './program-info.ts';

/** Names of the programs in `bpf/datapath.bpf.c`, by the hook that each is attached to. */
export const programNameByHook = {
  'netkit/peer': 'from_pod_netkit',
  'netkit/primary': 'to_pod_netkit',
  'tcx/ingress': 'from_pod_tcx',
  'tcx/egress': 'to_pod_tcx',
  'tc/ingress': 'from_pod_tc',
  'tc/egress': 'to_pod_tc',
} as const satisfies Record<Hook, string>;
export type DatapathProgramName = (typeof programNameByHook)[Hook];
export const datapathProgramNames: readonly DatapathProgramName[] = Object.values(programNameByHook);
/** Hooks at which programs are attached by BPF links; clsact filters are attached over rtnetlink instead. */
export const datapathLinkHooks = (Object.keys(programNameByHook) as Hook[]).filter(
  (hook): hook is LinkHook => hook !== 'tc/ingress' && hook !== 'tc/egress',
);

export interface LoadedDatapathProgram {
  fd: number;
  id: number;
}
export type LoadedDatapathPrograms = Record<DatapathProgramName, LoadedDatapathProgram>;

const pathOf = (pins: string, name: DatapathProgramName): string => join(pins, 'programs', name);

/** Reads build and features of a program from its .rodata map; null for a program that is not Podlane's. */
function configOf(program: BpfProgramInfo): { build: string; features: number } | null {
  for (const id of program.mapIds) {
    const config = withBpfObjectById('map', id, (fd) => {
      const { name, valueBytes } = readBpfMapInfo(fd);
      if (!name.endsWith('.rodata') || valueBytes !== datapathConfigSize) return null;
      const bytes = new BpfArrayMap(fd, name, valueBytes).get(0);
      return {
        build: bytes.toString('hex', datapathConfigBuildOffset, datapathConfigFeaturesOffset),
        features: bytes.readUInt32LE(datapathConfigFeaturesOffset),
      };
    });
    if (config) return config;
  }
  return null;
}

/**
 * Opens the programs that an earlier agent pinned; null unless all are of `build`, loaded for the same features, and use
 * the maps `mapIds`.
 */
export function openPinnedDatapathPrograms(
  pins: string,
  build: string,
  features: DatapathFeatures,
  mapIds: readonly number[],
): LoadedDatapathPrograms | null {
  const found: Partial<LoadedDatapathPrograms> = {};
  for (const name of datapathProgramNames) {
    const fd = openPinnedObject(pathOf(pins, name));
    if (fd === null) break;
    const info = readBpfProgramInfo(fd);
    found[name] = { fd, id: info.id };
    const config = configOf(info);
    if (config?.build !== build || config.features !== encodeDatapathFeatures(features)) break;
    if (!mapIds.every((id) => info.mapIds.includes(id))) break;
    if (name === datapathProgramNames.at(-1)) return found as LoadedDatapathPrograms;
  }
  for (const program of Object.values(found)) closeSync(program.fd);
  return null;
}

/** Opens new descriptors of loaded programs, since closing the object closes its own. */
export function duplicateProgramDescriptors(loaded: ReadonlyMap<string, number>): LoadedDatapathPrograms {
  const entries = datapathProgramNames.map((name) => {
    const own = loaded.get(name);
    if (own === undefined) throw new Error(`the object has no program ${name}`);
    const { id } = readBpfProgramInfo(own);
    const fd = openProgramById(id);
    if (fd === null) throw new Error(`program ${name} was unloaded right after it was loaded`);
    return [name, { fd, id }] as const;
  });
  return Object.fromEntries(entries) as LoadedDatapathPrograms;
}

/** Returns the paths of the pins of all programs. */
export const datapathProgramPinPaths = (pins: string): Record<DatapathProgramName, string> =>
  Object.fromEntries(datapathProgramNames.map((name) => [name, pathOf(pins, name)])) as Record<
    DatapathProgramName,
    string
  >;

/** Pins the programs for the next agent, atomically replacing older pins. */
export function pinDatapathPrograms(pins: string, programs: LoadedDatapathPrograms): void {
  for (const name of datapathProgramNames) replacePin(programs[name].fd, pathOf(pins, name));
}

export function closeDatapathPrograms(programs: LoadedDatapathPrograms): void {
  for (const name of datapathProgramNames) closeSync(programs[name].fd);
}
