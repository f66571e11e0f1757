import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AttachedProgram, Hook } from '../../contract/device.ts';
import type { PacketChecks } from '../../contract/packet-checks.ts';
import { requireValue } from '../../contract/require-value.ts';
import { BpfArrayMap } from './array-map.ts';
import type { AttachAnchor } from './attach-anchor.ts';
import { CounterMap } from './counter-map.ts';
import { type DatapathFeatures, detectDatapathFeatures } from './datapath-features.ts';
import {
  attachPinnedLink,
  detachPinnedLink,
  isLinkPinned,
  listPinnedLinks,
  listPinnedLinksOfSlot,
  type PinnedDatapathLink,
  unpinLinksOfSlot,
  updatePinnedLinks,
} from './datapath-links.ts';
import {
  type DatapathMapDescriptors,
  datapathMapNames,
  datapathMapPinPaths,
  type RuleMapDescriptors,
  reopenDatapathMaps,
  ruleMapNames,
} from './datapath-maps.ts';
import { checkDatapathObject, computeBuildId, loadDatapathObject } from './datapath-object.ts';
import {
  closeDatapathPrograms,
  datapathProgramNames,
  datapathProgramPinPaths,
  duplicateProgramDescriptors,
  type LoadedDatapathPrograms as Programs,
  pinDatapathPrograms,
  programNameByHook,
} from './datapath-programs.ts';
import {
  type DecodedSlotEntry,
  decodeEndpointEntry,
  decodeEndpointKey,
  decodeSlotEntry,
  type EndpointEntry,
  encodeEndpointEntry,
  encodeEndpointKey,
  encodeSlotEntry,
  endpointKeySizes,
  type SlotEntry,
  slotEntrySize,
  slotToPrimaryIfindex,
} from './datapath-structs.ts';
import { BpfHashMap } from './hash-map.ts';
import type { LinkHook } from './hook.ts';
import { listAttachedPrograms } from './hook-query.ts';
import type { LoadedBpfObject } from './object-loader.ts';
import { PacketCheckMaps } from './packet-check-maps.ts';
import { ensurePinDirectory, pinBpfObject, removePinDirectory } from './pin.ts';
import { SlotsGeneration } from './slots-generation.ts';

const encodeU32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);

/** Directories of the pins. */
export const pinDirectories = ['maps', 'programs', 'links'] as const;
/** How the agent started: `loaded` new programs, `kept` its pinned ones, or `replaced` those of another build. */
export type DatapathTakeover = 'loaded' | 'kept' | 'replaced';

/**
 * Podlane's programs and maps. They are pinned, so that they go on running and counting when this process ends. Calls
 * that take RTNL run off the event loop. Devices are found by slot in the caller's namespace.
 */
export class DatapathPrograms {
  readonly pins: string;
  readonly maxSlots: number;
  /** Id of the running build: the SHA-256 digest of its object file in hex. */
  build: string;
  readonly takeover: DatapathTakeover;
  /** Number of links whose program was replaced at the start; the caller replaces the programs of clsact filters. */
  updatedLinks = 0;
  readonly counters: CounterMap;
  #programs: Programs;
  /** Programs that the last `replace` replaced, kept open for callers that still use their descriptors. */
  #before: Programs | null = null;
  readonly #slots: BpfArrayMap;
  readonly #foreignDevices: BpfHashMap;
  /** Indexes of the primaries of devices that others made, by slot. */
  readonly #foreignIfindexes = new Map<number, number>();
  readonly #endpoints4: BpfHashMap;
  readonly #endpoints6: BpfHashMap;
  readonly #packetChecks: PacketCheckMaps;
  readonly #generation: SlotsGeneration;
  /** Descriptors of the maps of the access rules, which server/acl writes and reads; this class only closes them. */
  readonly ruleMaps: RuleMapDescriptors;
  readonly #connections: number;
  /** Object that the programs were loaded from. */
  #image: Buffer;
  #features: DatapathFeatures;
  readonly #maps: DatapathMapDescriptors;

  constructor(
    found: Pick<DatapathPrograms, 'pins' | 'maxSlots' | 'build' | 'takeover' | 'features'>,
    image: Buffer,
    connections: number,
    programs: Programs,
    maps: DatapathMapDescriptors,
  ) {
    this.pins = found.pins;
    this.maxSlots = found.maxSlots;
    this.build = found.build;
    this.takeover = found.takeover;
    this.#image = image;
    this.#features = found.features;
    this.#programs = programs;
    this.#slots = new BpfArrayMap(maps.slots, 'slots', slotEntrySize);
    this.#foreignDevices = new BpfHashMap(maps.foreign_devices, 'foreign_devices');
    for (const [key, value] of this.#foreignDevices.entries())
      this.#foreignIfindexes.set(value.readUInt32LE(), key.readUInt32LE());
    this.#endpoints4 = new BpfHashMap(maps.endpoints4, 'endpoints4');
    this.#endpoints6 = new BpfHashMap(maps.endpoints6, 'endpoints6');
    this.#packetChecks = new PacketCheckMaps(maps);
    this.#generation = new SlotsGeneration(maps.settings);
    this.ruleMaps = Object.fromEntries(ruleMapNames.map((name) => [name, maps[name]])) as RuleMapDescriptors;
    this.#connections = connections;
    this.counters = new CounterMap(maps, found.maxSlots);
    this.#maps = maps;
  }

  /** Features of the kernel that the running programs were loaded for. */
  get features(): DatapathFeatures {
    return this.#features;
  }

  /** Ids of the running programs, in the order of `datapathProgramNames`. */
  get programIds(): number[] {
    return datapathProgramNames.map((name) => this.#programs[name].id);
  }

  /** True if a program is one of Podlane's running programs or was replaced by them last. */
  isOurs(id: number): boolean {
    return this.ourIds.has(id);
  }

  get ourIds(): ReadonlySet<number> {
    const before = this.#before;
    return new Set([
      ...this.programIds,
      ...(before ? datapathProgramNames.map((name) => before[name].id) : []),
    ]);
  }

  /** Returns a borrowed descriptor of the program for `hook`, for use in a clsact filter. */
  programFd(hook: Hook): number {
    return this.#programs[programNameByHook[hook]].fd;
  }

  /** Returns the id of the running program for `hook`. */
  programId(hook: Hook): number {
    return this.#programs[programNameByHook[hook]].id;
  }

  #check(slot: number): void {
    if (!(slot >= 0 && slot < this.maxSlots)) throw new RangeError(`slot ${slot} of ${this.maxSlots}`);
  }

  /**
   * Attaches the program at `hook` of the slot's primary and pins its link. Idempotent: an attached program keeps its
   * place; a new one goes where `order` says, by default last. Foreign programs are unchanged.
   * @throws ProblemError `no_tcx`, `no_netkit`, `kernel_refused`
   */
  async attach(hook: LinkHook, slot: number, order?: AttachAnchor): Promise<void> {
    this.#check(slot);
    const programs = this.#programs;
    const primary = { slot, ifindex: this.primaryIfindex(slot) };
    await attachPinnedLink(this.pins, programs, hook, primary, order);
    // Replaced meanwhile: this link may have come after the others were brought up to date.
    if (programs !== this.#programs) await attachPinnedLink(this.pins, this.#programs, hook, primary);
  }

  /** Returns the index of the primary of the slot's device, which `setSlot` told if others made the device. */
  primaryIfindex(slot: number): number {
    return this.#foreignIfindexes.get(slot) ?? slotToPrimaryIfindex(slot);
  }

  /** Removes the pins of the links of a slot whose device is gone. */
  unpin(slot: number): void {
    unpinLinksOfSlot(this.pins, slot);
  }

  /**
   * Loads another object and unloads it again, to find out whether the kernel accepts it.
   * @throws ProblemError `build_incompatible`, `verifier_refused`, `bad_object`
   */
  async testLoad(image: Buffer): Promise<void> {
    (await this.#load(image, computeBuildId(image))).close();
  }

  /**
   * Replaces the programs on all devices by another object's, without a gap for any packet. Maps, links and places on
   * hooks stay, so that counters continue. After a failure the old programs run on all devices.
   * @param filters replaces the programs of clsact filters, which have no links; called again to roll back
   * @param each is called with the number of links replaced so far; an error that it throws rolls back
   * @returns the number of replaced links
   * @throws ProblemError as `testLoad`, `kernel_refused`
   */
  async replace(
    image: Buffer,
    { filters, each }: { filters?: () => Promise<void>; each?: (replaced: number) => void } = {},
  ): Promise<number> {
    const build = computeBuildId(image);
    const loaded = await this.#load(image, build);
    const before = this.#programs;
    const beforeBuild = this.build;
    const beforeImage = this.#image;
    try {
      if (this.#before) closeDatapathPrograms(this.#before);
      this.#before = before;
      // Set before the links are replaced, so that programs attached meanwhile are the new ones.
      this.#programs = duplicateProgramDescriptors(loaded.programs);
    } finally {
      loaded.close();
    }
    this.build = build;
    this.#image = image;
    try {
      const replaced = await updatePinnedLinks(this.pins, this.#programs, this.#ifindexOf, each);
      await filters?.();
      pinDatapathPrograms(this.pins, this.#programs);
      return replaced;
    } catch (error) {
      this.#before = this.#programs;
      this.#programs = before;
      this.build = beforeBuild;
      this.#image = beforeImage;
      await updatePinnedLinks(this.pins, before, this.#ifindexOf);
      await filters?.();
      pinDatapathPrograms(this.pins, before);
      throw error;
    } finally {
      // While devices had programs of both builds, neither knew which flows the other's saw come out of the host stack.
      this.#generation.advance();
    }
  }

  /** Replaces the programs that an earlier agent attached, if they are of another build. */
  async updateLinks(): Promise<void> {
    this.updatedLinks = await updatePinnedLinks(this.pins, this.#programs, this.#ifindexOf);
    this.#generation.advance();
  }

  /**
   * Loads the running build anew if the kernel has got features since, such as by loading the module nf_conntrack.
   * @param filters as of `replace`
   * @returns true if the programs were replaced
   * @throws ProblemError as `replace`: the programs of before run on, without the feature
   */
  async useNewFeatures(filters?: () => Promise<void>): Promise<boolean> {
    const before = this.#features;
    const found = await detectDatapathFeatures();
    if (found.conntrack === before.conntrack && found.kernelContext === before.kernelContext) return false;
    this.#features = found;
    try {
      await this.replace(this.#image, filters ? { filters } : {});
    } catch (error) {
      this.#features = before;
      throw error;
    }
    return true;
  }

  /** Loads a datapath object that uses the pinned maps. */
  async #load(image: Buffer, build: string): Promise<LoadedBpfObject> {
    const maps = reopenDatapathMaps(this.pins);
    try {
      checkDatapathObject(image, maps);
      return await loadDatapathObject(
        image,
        build,
        { slots: this.maxSlots, connections: this.#connections },
        this.#features,
        maps,
      );
    } finally {
      for (const fd of Object.values(maps)) closeSync(fd);
    }
  }

  /**
   * Detaches the programs from `hooks` of the slot's device, by default from all hooks with links. The device may have
   * been removed. A netkit device with policy blackhole passes no packets afterwards.
   */
  async detach(slot: number, hooks?: readonly Hook[]): Promise<void> {
    for (const link of listPinnedLinksOfSlot(this.pins, slot))
      if (hooks?.includes(link.hook) ?? true) await detachPinnedLink(link);
  }

  /** Lists the pins of maps and programs that do not exist, because others removed them or unmounted their file system. */
  missingPins(): string[] {
    return [...this.#pinned().keys()].filter((path) => !existsSync(path));
  }

  /**
   * Pins maps and programs that are no longer pinned, and mounts the BPF file system for it where that was unmounted. Pins of
   * links are restored by `attach`. Idempotent. @throws BpfError, ProblemError `unprocessable`
   */
  restorePins(): void {
    const missing = this.missingPins();
    const linksGone = !existsSync(join(this.pins, 'links'));
    if (missing.length === 0 && !linksGone) return;
    for (const directory of pinDirectories) ensurePinDirectory(join(this.pins, directory));
    const pinned = this.#pinned();
    for (const path of missing) pinBpfObject(requireValue(pinned.get(path), path), path);
  }

  /** Returns the descriptors of all maps and programs by the paths of their pins. */
  #pinned(): Map<string, number> {
    const maps = datapathMapPinPaths(this.pins);
    const programs = datapathProgramPinPaths(this.pins);
    return new Map([
      ...datapathMapNames.map((name) => [maps[name], this.#maps[name]] as const),
      ...datapathProgramNames.map((name) => [programs[name], this.#programs[name].fd] as const),
    ]);
  }

  /** True if the link at `hook` of the slot's device is pinned. */
  isLinkPinned(slot: number, hook: LinkHook): boolean {
    return isLinkPinned(this.pins, slot, hook);
  }

  /** Lists Podlane's pinned links by slot, including links of removed devices that were not detached yet. */
  attachedLinks(): PinnedDatapathLink[] {
    return listPinnedLinks(this.pins);
  }

  /**
   * Sets the configuration of the slot's programs. Not atomic for packets that are being processed: set addresses and
   * MACs before `attach`, and before endpoints lead to the slot.
   */
  setSlot(slot: number, entry: SlotEntry): void {
    this.#check(slot);
    this.#slots.set(slot, encodeSlotEntry(entry));
    this.#setForeignIfindex(slot, entry.foreignIfindex ?? null);
    this.#generation.advance();
  }

  /** Clears the configuration of a slot, which turns off its source check and redirection from and to it. */
  clearSlot(slot: number): void {
    this.#check(slot);
    this.#setForeignIfindex(slot, null);
    this.#slots.set(slot, encodeSlotEntry(null));
    this.#generation.advance();
  }

  /** Sets the index of the primary that programs find the slot by, where others made the device. */
  #setForeignIfindex(slot: number, ifindex: number | null): void {
    const before = this.#foreignIfindexes.get(slot) ?? null;
    if (before !== null && before !== ifindex) {
      this.#foreignIfindexes.delete(slot);
      // Another slot may have taken the device over.
      if (![...this.#foreignIfindexes.values()].includes(before))
        this.#foreignDevices.delete(encodeU32(before));
    }
    if (ifindex === null) return;
    this.#foreignDevices.set(encodeU32(ifindex), encodeU32(slot));
    this.#foreignIfindexes.set(slot, ifindex);
  }

  readonly #ifindexOf = (slot: number): number => this.primaryIfindex(slot);

  /**
   * Sets the source prefixes and ethertypes of a pod, which its slots' flags turn on; null removes them.
   * @param owner number of the pod
   */
  setPacketChecks(owner: number, checks: Pick<PacketChecks, 'sourcePrefixes' | 'ethertypes'> | null): void {
    try {
      this.#packetChecks.set(owner, checks);
    } finally {
      this.#generation.advance();
    }
  }

  /** Reads the configuration of a slot; null if it was cleared. */
  readSlot(slot: number): DecodedSlotEntry | null {
    this.#check(slot);
    return decodeSlotEntry(this.#slots.get(slot));
  }

  #endpointsOf(key: Buffer): BpfHashMap {
    return key.length === endpointKeySizes[4] ? this.#endpoints4 : this.#endpoints6;
  }

  /**
   * Sets the slot that packets to `address` are redirected to; packets from it may leave all slots of `owner`. Nothing is
   * redirected when the slot has another owner. The update is atomic for packets.
   * @param address without a prefix length
   * @throws RangeError for no address, BpfError E2BIG if there are 8 * maxSlots of its family
   */
  setEndpoint(address: string, endpoint: EndpointEntry): void {
    this.#check(endpoint.slot);
    const key = encodeEndpointKey(address);
    this.#endpointsOf(key).set(key, encodeEndpointEntry(endpoint));
    this.#generation.advance();
  }

  /** Stops redirecting packets to `address`, from which the pod may then send only if it is the pod's first address. */
  removeEndpoint(address: string): void {
    const key = encodeEndpointKey(address);
    this.#endpointsOf(key).delete(key);
    this.#generation.advance();
  }

  /** Lists the endpoints in no particular order. */
  endpoints(): ({ address: string } & EndpointEntry)[] {
    return [this.#endpoints4, this.#endpoints6]
      .flatMap((map) => map.entries())
      .map(([key, value]) => ({ address: decodeEndpointKey(key), ...decodeEndpointEntry(value) }));
  }

  /**
   * Lists all programs at `hook` of the slot's device, including foreign ones.
   * @throws ProblemError `device_missing`
   */
  query(slot: number, hook: LinkHook): Promise<AttachedProgram[]> {
    return listAttachedPrograms(this.primaryIfindex(slot), hook, this.ourIds);
  }

  /** Removes Podlane's links, programs, maps and pins from the node. */
  async destroy(): Promise<void> {
    for (const link of listPinnedLinks(this.pins)) await detachPinnedLink(link);
    removePinDirectory(this.pins);
    this.close();
  }

  /** Closes all descriptors and unmaps the counters. The pinned programs keep running. */
  close(): void {
    this.counters.close();
    this.#generation.close();
    for (const fd of Object.values(this.#maps)) closeSync(fd);
    closeDatapathPrograms(this.#programs);
    if (this.#before) closeDatapathPrograms(this.#before);
  }
}
