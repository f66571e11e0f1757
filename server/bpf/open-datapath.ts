import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { DatapathPrograms, type DatapathTakeover, pinDirectories } from './datapath.ts';
import { type DatapathFeatures, detectDatapathFeatures } from './datapath-features.ts';
import {
  type DatapathMapCapacities,
  type DatapathMapDescriptors,
  datapathMapNames,
  openPinnedDatapathMaps,
  pinDatapathMaps,
} from './datapath-maps.ts';
import {
  checkDatapathObject,
  computeBuildId,
  loadDatapathObject,
  readBundledObject,
} from './datapath-object.ts';
import {
  duplicateProgramDescriptors,
  openPinnedDatapathPrograms,
  type LoadedDatapathPrograms as Programs,
  pinDatapathPrograms,
} from './datapath-programs.ts';
import { readBpfMapInfo } from './map-info.ts';
import { ensurePinDirectory } from './pin.ts';

/** Default maximum number of tracked connections. */
const defaultConnections = 65_536;

export interface OpenDatapathOptions {
  /** Directory for pins in a BPF file system. It is created if missing and belongs to a single agent. */
  pins: string;
  /** Maximum number of devices. Maps that are already pinned keep their size. */
  maxSlots: number;
  /** Maximum number of tracked connections. Changing it recreates the connection table empty. */
  connections?: number | undefined;
  /** Datapath object to load; default the bundled one. Any other object is checked first. */
  image?: Buffer | undefined;
  /** Features of the kernel to use; default those that are detected. */
  features?: DatapathFeatures | undefined;
  /**
   * Sets the slots and endpoints of all devices at each start: the maps may be out of date, and are empty after a
   * change of shape. Called before attached links get new programs, so that no program runs with an empty map.
   */
  fill?: (programs: DatapathPrograms) => void | Promise<void>;
}

/**
 * Loads the programs, or takes over those that an earlier agent pinned: counters continue, and links of another build
 * get the new programs without a gap for any packet.
 * @throws ProblemError `build_incompatible`, `bad_object`, `verifier_refused`, `kernel_refused`, `unprocessable`
 */
export async function openDatapath(options: OpenDatapathOptions): Promise<DatapathPrograms> {
  const { pins, connections = defaultConnections } = options;
  const image = options.image ?? (await readBundledObject());
  const build = computeBuildId(image);
  const features = options.features ?? (await detectDatapathFeatures());
  for (const directory of pinDirectories) ensurePinDirectory(join(pins, directory));

  const pinned = openPinnedDatapathMaps(pins, { connections });
  const maxSlots = pinned?.maxSlots ?? options.maxSlots;
  const kept = pinned && openKept(pins, build, features, pinned.fds);
  let opened = kept;
  try {
    if (opened === null && options.image !== undefined) checkDatapathObject(image, {});
    opened ??= await load(pins, image, build, { slots: maxSlots, connections }, features, pinned?.fds ?? {});
  } catch (error) {
    for (const fd of Object.values(pinned?.fds ?? {})) closeSync(fd);
    throw error;
  }
  const takeover: DatapathTakeover = kept ? 'kept' : pinned ? 'replaced' : 'loaded';
  const programs = new DatapathPrograms(
    { pins, maxSlots, build, takeover, features },
    image,
    connections,
    opened.programs,
    opened.maps,
  );
  try {
    await options.fill?.(programs);
    await programs.updateLinks();
  } catch (error) {
    programs.close();
    throw error;
  }
  return programs;
}

interface Opened {
  programs: Programs;
  maps: DatapathMapDescriptors;
}

/**
 * Opens the pinned programs and maps; null unless all are pinned, and the programs are of this build and use these
 * maps.
 */
function openKept(
  pins: string,
  build: string,
  features: DatapathFeatures,
  fds: Partial<DatapathMapDescriptors>,
): Opened | null {
  if (datapathMapNames.some((name) => fds[name] === undefined)) return null;
  const maps = fds as DatapathMapDescriptors;
  const ids = [maps.counters, maps.slots, maps.settings].map((fd) => readBpfMapInfo(fd).id);
  const programs = openPinnedDatapathPrograms(pins, build, features, ids);
  return programs && { programs, maps };
}

async function load(
  pins: string,
  image: Buffer,
  build: string,
  sizes: DatapathMapCapacities,
  features: DatapathFeatures,
  pinned: Partial<DatapathMapDescriptors>,
): Promise<Opened> {
  const object = await loadDatapathObject(image, build, sizes, features, pinned);
  try {
    const maps = pinDatapathMaps(pins, object.maps, pinned);
    const programs = duplicateProgramDescriptors(object.programs);
    pinDatapathPrograms(pins, programs);
    return { maps, programs };
  } finally {
    object.close();
  }
}
