import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachedProgram, Hook } from '../../contract/device.ts';
import type { Anchor } from './anchor.ts';
import { ArrayMap } from './array-map.ts';
import { CounterMap } from './counter-map.ts';
import { attachPinned, detachPinned, type PinnedLink, pinnedLinks, updateLinks } from './datapath-links.ts';
import {
  type DatapathMaps,
  type MapSizes,
  mapNames,
  openPinnedMaps,
  pinMaps,
  type RuleMaps,
  reopenMaps,
  ruleMapNames,
} from './datapath-maps.ts';
import { buildOf, checkObject, installedObject, loadBuild } from './datapath-object.ts';
import {
  closePrograms,
  keepPrograms,
  openPinnedPrograms,
  type DatapathPrograms as Programs,
  pinPrograms,
  programAt,
  programNames,
} from './datapath-programs.ts';
import { HashMap } from './hash-map.ts';
import type { LinkHook } from './hook.ts';
import { listAttachedPrograms } from './hook-query.ts';
import { mapInfo } from './map-info.ts';
import type { LoadedObject } from './object-loader.ts';
import { ensurePinDirectory, removePinDirectory } from './pin.ts';
import {
  type DecodedSlot,
  decodeEndpoint,
  decodeEndpointKey,
  decodeSlot,
  type Endpoint,
  encodeEndpoint,
  encodeEndpointKey,
  encodeSlot,
  endpointKeyBytes,
  primaryIfindex,
  type SlotEntry,
  slotBytes,
} from './slot-layout.ts';

/** Connections that access rules remember, unless told otherwise. */
const defaultConnections = 65_536;

export interface DatapathOptions {
  /** Directory of a bpf file system, made if missing. One agent at a time. */
  pins: string;
  /** How many devices can be counted; pinned maps keep the size they were made with. */
  maxSlots: number;
  /** Connections that access rules remember; with another number than before, none of them is known any more. */
  connections?: number | undefined;
  /** The compiled object to run, by default the committed one. Another is looked at before it is loaded. */
  image?: Buffer | undefined;
  /**
   * Sets slots and endpoints of the devices there are, at each start: they are empty when a build gave them a new
   * shape, and may be out of date. Called before attached links get new programs, so that no packet meets an
   * empty map.
   */
  fill?: (programs: DatapathPrograms) => void | Promise<void>;
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
  /** SHA-256 of the object that runs, hex. */
  build: string;
  readonly takeover: Takeover;
  /** Links whose program was replaced when opening. Filters of clsact are the caller's to replace. */
  updatedLinks = 0;
  readonly counters: CounterMap;
  #programs: Programs;
  /** Those that `replace` put ours in the place of: kept, for whoever reads or attaches meanwhile. */
  #before: Programs | null = null;
  readonly #slots: ArrayMap;
  readonly #endpoints4: HashMap;
  readonly #endpoints6: HashMap;
  /** Descriptors of what belongs to access rules, which `server/acl/load/rule-loader.ts` uses. */
  readonly ruleMaps: RuleMaps;
  readonly #connections: number;

  constructor(
    found: Pick<DatapathPrograms, 'pins' | 'maxSlots' | 'build' | 'takeover'>,
    connections: number,
    programs: Programs,
    maps: DatapathMaps,
  ) {
    this.pins = found.pins;
    this.maxSlots = found.maxSlots;
    this.build = found.build;
    this.takeover = found.takeover;
    this.#programs = programs;
    this.#slots = new ArrayMap(maps.slots, 'slots', slotBytes);
    this.#endpoints4 = new HashMap(maps.endpoints4, 'endpoints4');
    this.#endpoints6 = new HashMap(maps.endpoints6, 'endpoints6');
    this.ruleMaps = Object.fromEntries(ruleMapNames.map((name) => [name, maps[name]])) as RuleMaps;
    this.#connections = connections;
    this.counters = new CounterMap(maps, found.maxSlots);
    closeSync(maps.counters);
    closeSync(maps.drops);
  }

  /** Ids of our programs, in the order of `programNames`. */
  get programIds(): number[] {
    return programNames.map((name) => this.#programs[name].id);
  }

  /** Whether a program is ours: one that runs now, or one that was just replaced. */
  isOurs(id: number): boolean {
    return this.ourIds.has(id);
  }

  get ourIds(): ReadonlySet<number> {
    const before = this.#before;
    return new Set([...this.programIds, ...(before ? programNames.map((name) => before[name].id) : [])]);
  }

  /** Our program for `hook`, of which this object keeps the descriptor: what a filter of clsact is made with. */
  programFd(hook: Hook): number {
    return this.#programs[programAt[hook]].fd;
  }

  /** The kernel's id of our program for `hook`. */
  programId(hook: Hook): number {
    return this.#programs[programAt[hook]].id;
  }

  #check(slot: number): void {
    if (!(slot >= 0 && slot < this.maxSlots)) throw new RangeError(`slot ${slot} of ${this.maxSlots}`);
  }

  /**
   * Our program at `hook` of the slot's primary, its link pinned. Again is as well, and keeps the program's place;
   * a new one goes where `order` says, by default last. Programs of others stay as they are.
   * @throws ProblemError `no_tcx`, `no_netkit`, `kernel_refused`
   */
  async attach(hook: LinkHook, slot: number, order?: Anchor): Promise<void> {
    this.#check(slot);
    const programs = this.#programs;
    await attachPinned(this.pins, programs, hook, slot, order);
    // Replaced meanwhile: this link may have come after the others were brought up to date.
    if (programs !== this.#programs) await attachPinned(this.pins, this.#programs, hook, slot);
  }

  /**
   * Loads another object's programs, uses them for nothing, and lets them go.
   * @throws ProblemError `build_incompatible`, `verifier_refused`, `bad_object`
   */
  async tryOut(image: Buffer): Promise<void> {
    (await this.#load(image, buildOf(image))).close();
  }

  /**
   * Puts another object's programs in the place of ours on all devices; no packet passes without. Maps, links and
   * places on hooks stay, so that counters go on. What fails leaves, or puts back, the programs of before.
   * @param filters puts ours on what no link holds (clsact); called again with the old ones in force to undo
   * @param each hears how many links were replaced; what it throws undoes
   * @returns how many links were replaced
   * @throws ProblemError as `tryOut`, `kernel_refused`
   */
  async replace(
    image: Buffer,
    { filters, each }: { filters?: () => Promise<void>; each?: (replaced: number) => void } = {},
  ): Promise<number> {
    const build = buildOf(image);
    const loaded = await this.#load(image, build);
    const before = this.#programs;
    const beforeBuild = this.build;
    try {
      if (this.#before) closePrograms(this.#before);
      this.#before = before;
      // In force from here on: what is attached while the links are replaced gets the new ones at once.
      this.#programs = keepPrograms(loaded.programs);
    } finally {
      loaded.close();
    }
    this.build = build;
    try {
      const replaced = await updateLinks(this.pins, this.#programs, each);
      await filters?.();
      pinPrograms(this.pins, this.#programs);
      return replaced;
    } catch (error) {
      this.#before = this.#programs;
      this.#programs = before;
      this.build = beforeBuild;
      await updateLinks(this.pins, before);
      await filters?.();
      pinPrograms(this.pins, before);
      throw error;
    }
  }

  /** The object, loaded with the maps that are pinned. */
  async #load(image: Buffer, build: string): Promise<LoadedObject> {
    const maps = reopenMaps(this.pins);
    try {
      checkObject(image, maps);
      return await loadBuild(image, build, { slots: this.maxSlots, connections: this.#connections }, maps);
    } finally {
      for (const fd of Object.values(maps)) closeSync(fd);
    }
  }

  /**
   * Takes our programs off `hooks` of the slot's device, which may be gone; by default off all that have links.
   * A blackhole netkit is cut off then.
   */
  async detach(slot: number, hooks?: readonly Hook[]): Promise<void> {
    for (const link of pinnedLinks(this.pins))
      if (link.slot === slot && (hooks?.includes(link.hook) ?? true)) await detachPinned(link);
  }

  /** Pinned links, by slot; those of deleted devices are among them until `detach`. */
  attachedLinks(): PinnedLink[] {
    return pinnedLinks(this.pins);
  }

  /**
   * What the slot's programs go by from now on. Not atomic towards running packets: set addresses and MACs before
   * `attach`, and before endpoints lead to the slot.
   */
  setSlot(slot: number, entry: SlotEntry): void {
    this.#check(slot);
    this.#slots.set(slot, encodeSlot(entry));
  }

  /** The slot's sources are no longer checked, and nothing is redirected to or from it. */
  clearSlot(slot: number): void {
    this.#check(slot);
    this.#slots.set(slot, encodeSlot(null));
  }

  /** What `setSlot` set; null for a slot that is clear. */
  readSlot(slot: number): DecodedSlot | null {
    this.#check(slot);
    return decodeSlot(this.#slots.get(slot));
  }

  #endpointsOf(key: Buffer): HashMap {
    return key.length === endpointKeyBytes[4] ? this.#endpoints4 : this.#endpoints6;
  }

  /**
   * Packets to `address`, without a length, go to the slot's device; those from it may leave all slots of `owner`.
   * Pods of an `owner` other than the slot's are not reached by redirect. Packets see the old endpoint or the new.
   * @throws RangeError for no address, BpfRefusal with E2BIG when there are 8 * maxSlots of its family
   */
  setEndpoint(address: string, endpoint: Endpoint): void {
    this.#check(endpoint.slot);
    const key = encodeEndpointKey(address);
    this.#endpointsOf(key).set(key, encodeEndpoint(endpoint));
  }

  /** Stops redirecting to `address`. Only a pod whose first address it is may still send from it. */
  removeEndpoint(address: string): void {
    const key = encodeEndpointKey(address);
    this.#endpointsOf(key).delete(key);
  }

  /** All endpoints, in no order. */
  endpoints(): ({ address: string } & Endpoint)[] {
    return [this.#endpoints4, this.#endpoints6]
      .flatMap((map) => map.entries())
      .map(([key, value]) => ({ address: decodeEndpointKey(key), ...decodeEndpoint(value) }));
  }

  /** All programs, ours and others', at `hook` of the slot's device. @throws ProblemError `device_missing` */
  query(slot: number, hook: LinkHook): Promise<AttachedProgram[]> {
    return listAttachedPrograms(primaryIfindex(slot), hook, this.ourIds);
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
    closeSync(this.#endpoints4.fd);
    closeSync(this.#endpoints6.fd);
    for (const fd of Object.values(this.ruleMaps)) closeSync(fd);
    closePrograms(this.#programs);
    if (this.#before) closePrograms(this.#before);
  }
}

/**
 * Loads our programs, or takes over what an earlier agent left pinned: counters go on, and links of another
 * build get the new programs with no packet passing unseen in between.
 * @throws ProblemError `build_incompatible`, `bad_object`, `verifier_refused`, `kernel_refused`, `unprocessable`
 */
export async function openDatapath(options: DatapathOptions): Promise<DatapathPrograms> {
  const { pins, connections = defaultConnections } = options;
  const image = options.image ?? (await installedObject());
  const build = buildOf(image);
  for (const directory of ['maps', 'programs', 'links']) ensurePinDirectory(join(pins, directory));

  const pinned = openPinnedMaps(pins, { connections });
  const maxSlots = pinned?.maxSlots ?? options.maxSlots;
  const kept = pinned && keptPrograms(pins, build, pinned.fds);
  let opened = kept;
  try {
    if (opened === null && options.image !== undefined) checkObject(image, {});
    opened ??= await load(pins, image, build, { slots: maxSlots, connections }, pinned?.fds ?? {});
  } catch (error) {
    for (const fd of Object.values(pinned?.fds ?? {})) closeSync(fd);
    throw error;
  }
  const takeover: Takeover = kept ? 'kept' : pinned ? 'replaced' : 'loaded';
  const programs = new DatapathPrograms(
    { pins, maxSlots, build, takeover },
    connections,
    opened.programs,
    opened.maps,
  );
  try {
    await options.fill?.(programs);
    programs.updatedLinks = await updateLinks(pins, opened.programs);
  } catch (error) {
    programs.close();
    throw error;
  }
  return programs;
}

interface Opened {
  programs: Programs;
  maps: DatapathMaps;
}

/** What is pinned, if it is all of this build and in use together. */
function keptPrograms(pins: string, build: string, fds: Partial<DatapathMaps>): Opened | null {
  if (mapNames.some((name) => fds[name] === undefined)) return null;
  const maps = fds as DatapathMaps;
  const ids = [maps.counters, maps.slots, maps.settings].map((fd) => mapInfo(fd).id);
  const programs = openPinnedPrograms(pins, build, ids);
  return programs && { programs, maps };
}

async function load(
  pins: string,
  image: Buffer,
  build: string,
  sizes: MapSizes,
  pinned: Partial<DatapathMaps>,
): Promise<Opened> {
  const object = await loadBuild(image, build, sizes, pinned);
  try {
    const maps = pinMaps(pins, object.maps, pinned);
    const programs = keepPrograms(object.programs);
    pinPrograms(pins, programs);
    return { maps, programs };
  } finally {
    object.close();
  }
}
