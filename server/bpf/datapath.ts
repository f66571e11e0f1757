import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttachedProgram } from '../../contract/device.ts';
import { CounterMap } from './counters.ts';
import { attachPinned, detachPinned, type PinnedLink, pinnedLinks, updateLinks } from './datapath-links.ts';
import { type DatapathMaps, mapEntries, mapNames, openPinnedMaps, pinMaps } from './datapath-maps.ts';
import {
  openPinnedPrograms,
  type DatapathPrograms as Programs,
  pinPrograms,
  programNames,
} from './datapath-programs.ts';
import { configBuildOffset, encodeSlot, primaryIfindex, type SlotSources, slotBytes } from './layout.ts';
import { ArrayMap, mapInfo } from './map.ts';
import { loadObject } from './object.ts';
import { ensurePinDirectory, removePinDirectory } from './pin.ts';
import { attachedPrograms, type LinkHook } from './query.ts';

const committedObject = new URL('../../bpf/objects/datapath.bpf.o', import.meta.url);

export interface DatapathOptions {
  /** Directory of a bpf file system, made if missing. One agent at a time. */
  pins: string;
  /** How many devices can be counted; pinned maps keep the size they were made with. */
  maxSlots: number;
  /** The compiled object to run, by default the committed one. */
  image?: Buffer;
}

/** What opening found: `loaded` on a fresh node, `kept` the pinned programs, `replaced` those of another build. */
export type Takeover = 'loaded' | 'kept' | 'replaced';

/**
 * Our programs and maps, pinned: they outlive this process, and counting goes on.
 * Calls that take RTNL run off the event loop. Devices are those of the caller's namespace, found by slot.
 */
export class DatapathPrograms {
  readonly pins: string;
  readonly maxSlots: number;
  /** SHA-256 of the object, hex. */
  readonly build: string;
  readonly takeover: Takeover;
  /** Links whose program was replaced when opening. */
  readonly updatedLinks: number;
  readonly counters: CounterMap;
  readonly #programs: Programs;
  readonly #slots: ArrayMap;

  constructor(
    found: Pick<DatapathPrograms, 'pins' | 'maxSlots' | 'build' | 'takeover' | 'updatedLinks'>,
    programs: Programs,
    maps: DatapathMaps,
  ) {
    this.pins = found.pins;
    this.maxSlots = found.maxSlots;
    this.build = found.build;
    this.takeover = found.takeover;
    this.updatedLinks = found.updatedLinks;
    this.#programs = programs;
    this.#slots = new ArrayMap(maps.slots, 'slots', slotBytes);
    this.counters = new CounterMap(maps, found.maxSlots);
    closeSync(maps.counters);
    closeSync(maps.drops);
  }

  /** Ids of our programs, in the order of `programNames`. */
  get programIds(): number[] {
    return programNames.map((name) => this.#programs[name].id);
  }

  /**
   * Our program at `hook` of the slot's primary, its link pinned. Again is as well.
   * @throws ProblemError `no_tcx`, `no_netkit`, `kernel_refused`
   */
  async attach(hook: LinkHook, slot: number): Promise<void> {
    if (!(slot >= 0 && slot < this.maxSlots)) throw new RangeError(`slot ${slot} of ${this.maxSlots}`);
    await attachPinned(this.pins, this.#programs, hook, slot);
  }

  /** Takes all our programs off the slot's device, which may be gone. A blackhole netkit is cut off then. */
  async detach(slot: number): Promise<void> {
    for (const link of pinnedLinks(this.pins)) if (link.slot === slot) await detachPinned(link);
  }

  /** Pinned links, by slot; those of deleted devices are among them until `detach`. */
  attachedLinks(): PinnedLink[] {
    return pinnedLinks(this.pins);
  }

  /** From now on only these sources may leave the slot. Not atomic towards running packets: set it before `attach`. */
  setSlot(slot: number, sources: SlotSources): void {
    this.#slots.set(slot, encodeSlot(sources));
  }

  /** The slot's sources are no longer checked. */
  clearSlot(slot: number): void {
    this.#slots.set(slot, encodeSlot(null));
  }

  /** All programs, ours and others', at `hook` of the slot's device. @throws ProblemError `device_missing` */
  query(slot: number, hook: LinkHook): Promise<AttachedProgram[]> {
    return attachedPrograms(primaryIfindex(slot), hook, new Set(this.programIds));
  }

  /** Takes everything of ours off the node: links, programs, maps, pins. */
  async destroy(): Promise<void> {
    for (const link of pinnedLinks(this.pins)) await detachPinned(link);
    removePinDirectory(this.pins);
    this.close();
  }

  /** Lets go of descriptors and the mapping; what is pinned goes on. */
  close(): void {
    this.counters.close();
    closeSync(this.#slots.fd);
    for (const name of programNames) closeSync(this.#programs[name].fd);
  }
}

/**
 * Loads our programs, or takes over what an earlier agent left pinned: counters go on, and links of another
 * build get the new programs with no packet passing unseen in between.
 * @throws ProblemError `verifier_refused`, `kernel_refused`, `unprocessable`
 */
export async function openDatapath(options: DatapathOptions): Promise<DatapathPrograms> {
  const { pins } = options;
  const image = options.image ?? (await readFile(committedObject));
  const build = createHash('sha256').update(image).digest('hex');
  for (const directory of ['maps', 'programs', 'links']) ensurePinDirectory(join(pins, directory));

  const pinned = openPinnedMaps(pins);
  const maxSlots = pinned?.maxSlots ?? options.maxSlots;
  const kept = pinned && openPinnedPrograms(pins, build, mapInfo(pinned.fds.counters).id);
  const opened = kept
    ? { programs: kept, maps: pinned.fds }
    : await load(pins, image, build, maxSlots, pinned?.fds ?? null);
  const updatedLinks = await updateLinks(pins, opened.programs);
  const takeover: Takeover = kept ? 'kept' : pinned ? 'replaced' : 'loaded';
  return new DatapathPrograms(
    { pins, maxSlots, build, takeover, updatedLinks },
    opened.programs,
    opened.maps,
  );
}

async function load(
  pins: string,
  image: Buffer,
  build: string,
  maxSlots: number,
  reuse: DatapathMaps | null,
): Promise<{ programs: Programs; maps: DatapathMaps }> {
  const entries = mapEntries(maxSlots);
  const object = await loadObject({
    name: 'datapath',
    image,
    maps: Object.fromEntries(
      mapNames.map((name) => [name, reuse ? { reuse: reuse[name] } : { maxEntries: entries[name] }]),
    ),
    rodata(bytes) {
      bytes.writeUInt32LE(maxSlots, 0);
      bytes.write(build, configBuildOffset, 'hex');
    },
  });
  try {
    const maps = reuse ?? pinMaps(pins, object.maps);
    return { maps, programs: pinPrograms(pins, object.programs) };
  } finally {
    object.close();
  }
}
