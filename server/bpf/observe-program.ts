import { closeSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Direction } from '../../contract/direction.ts';
import { bpf_map_update_elem, libbpf_num_possible_cpus } from '../ffi/libbpf.ts';
import { BpfError, checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { BpfHashMap } from './hash-map.ts';
import { attachProgramByLink, type LinkHook } from './hook.ts';
import { detachBpfLink, updateBpfLink, withPinnedBpfLink } from './link.ts';
import { readBpfMapInfo } from './map-info.ts';
import { type LoadedBpfObject, loadBpfObject } from './object-loader.ts';
import {
  ensurePinDirectory,
  listPinNames,
  openPinnedObject,
  pinBpfObject,
  removePin,
  replacePin,
} from './pin.ts';
import { readBpfProgramInfo } from './program-info.ts';

const committedObject = new URL('../../bpf/objects/observe.bpf.o', import.meta.url);

/** Directories of the pins, below the agent's own. */
const folders = {
  root: 'observe',
  programs: 'observe/programs',
  links: 'observe/links',
  filters: 'observe/filters',
} as const;
/** Maximum number of host ends that are counted; memory is taken for those that exist. */
const maxHostEnds = 8192;
/** Size of struct observed_counters in `bpf/observe.bpf.c`. */
const countersBytes = 32;
const BPF_NOEXIST = 1;

/** Hooks that accept links, by direction as seen from the pod. */
const observeHooks = {
  egress: ['tcx/ingress', 'netkit/peer'],
  ingress: ['tcx/egress'],
} as const satisfies Record<string, readonly LinkHook[]>;
type ObserveHook = (typeof observeHooks)[Direction][number];
const allHooks: readonly ObserveHook[] = [...observeHooks.egress, ...observeHooks.ingress];

/** Packets and bytes of a pod, counted at one host end; bytes without Ethernet headers. */
export interface ObservedCounters {
  egressPackets: bigint;
  egressBytes: bigint;
  ingressPackets: bigint;
  ingressBytes: bigint;
}

export const zeroObservedCounters: ObservedCounters = {
  egressPackets: 0n,
  egressBytes: 0n,
  ingressPackets: 0n,
  ingressBytes: 0n,
};

interface ObservePin {
  ifindex: number;
  hook: ObserveHook;
  path: string;
}

/** A host end that has the programs as filters of clsact, which have no pins of their own. */
interface FilterMark {
  ifindex: number;
  /** True if the qdisc is Podlane's. */
  ownQdisc: boolean;
}

const ownQdiscSuffix = '-qdisc';
const filterPath = (pins: string, { ifindex, ownQdisc }: FilterMark): string =>
  join(pins, folders.filters, `${ifindex}${ownQdisc ? ownQdiscSuffix : ''}`);
const listFilterMarks = (pins: string): FilterMark[] =>
  listPinNames(join(pins, folders.filters)).map((name) => ({
    ifindex: Number.parseInt(name, 10),
    ownQdisc: name.endsWith(ownQdiscSuffix),
  }));

const directionOf = (hook: ObserveHook): Direction => (hook === 'tcx/egress' ? 'ingress' : 'egress');
const pinName = (ifindex: number, hook: ObserveHook): string => `${ifindex}-${hook.replace('/', '-')}`;
const linkPath = (pins: string, ifindex: number, hook: ObserveHook): string =>
  join(pins, folders.links, pinName(ifindex, hook));

/** Lists the pinned links of the counting programs. */
function listObservePins(pins: string): ObservePin[] {
  return listPinNames(join(pins, folders.links)).flatMap((name) => {
    const ifindex = Number.parseInt(name, 10);
    const hook = allHooks.find((each) => name === pinName(ifindex, each));
    return hook === undefined ? [] : { ifindex, hook, path: join(pins, folders.links, name) };
  });
}

/**
 * The programs of `bpf/observe.bpf.c` with their map. Links and the map are pinned, so that packets are counted while no
 * agent runs, and the next one goes on.
 */
export class ObservePrograms {
  readonly pins: string;
  readonly programs: Readonly<Record<Direction, { fd: number; id: number }>>;
  readonly #mapFd: number;
  readonly #map: BpfHashMap;

  private constructor(pins: string, mapFd: number, programs: ObservePrograms['programs']) {
    this.pins = pins;
    this.programs = programs;
    this.#mapFd = mapFd;
    this.#map = new BpfHashMap(mapFd, 'observed');
  }

  /**
   * Takes over the programs and the map that an earlier agent pinned. Programs of another version are replaced on its links
   * without a gap for any packet; entries and links of devices that are gone are removed.
   * @throws ProblemError `verifier_refused`, `kernel_refused`
   */
  static async open(pins: string): Promise<ObservePrograms> {
    for (const folder of Object.values(folders)) ensurePinDirectory(join(pins, folder));
    const mapPath = join(pins, folders.root, 'counters');
    const pinned = openUsableMap(mapPath);
    let object: LoadedBpfObject;
    try {
      object = await loadBpfObject({
        name: 'observe',
        image: await readFile(committedObject),
        maps: { observed: { maxEntries: maxHostEnds, ...(pinned === null ? {} : { reuse: pinned }) } },
      });
    } finally {
      if (pinned !== null) closeSync(pinned);
    }
    let opened: ObservePrograms;
    try {
      if (pinned === null) replacePin(object.maps.get('observed') ?? -1, mapPath);
      opened = new ObservePrograms(pins, reopen(mapPath), {
        egress: keepProgram(pins, 'egress', object),
        ingress: keepProgram(pins, 'ingress', object),
      });
    } finally {
      object.close();
    }
    try {
      await opened.#adoptLinks();
    } catch (error) {
      opened.close();
      throw error;
    }
    return opened;
  }

  get programIds(): readonly number[] {
    return [this.programs.egress.id, this.programs.ingress.id];
  }

  /** Lists the host ends that have a pinned link of these programs or are marked as having their filters. */
  attached(): Set<number> {
    return new Set(
      [...listObservePins(this.pins), ...listFilterMarks(this.pins)].map(({ ifindex }) => ifindex),
    );
  }

  /** Reads the counters of all host ends, by ifindex. */
  read(): Map<number, ObservedCounters> {
    return new Map(
      this.#map.entries().map(([key, values]) => [key.readUInt32LE(0), sumOverCpus(values)] as const),
    );
  }

  /**
   * Counts at a hook of a host end, before all programs that are there. Does nothing if it is attached.
   * @throws BpfError `no_tcx`, `no_netkit`
   */
  async attach(ifindex: number, hook: ObserveHook): Promise<void> {
    const path = linkPath(this.pins, ifindex, hook);
    const attached = await withPinnedBpfLink(path, (_, info) => info.ifindex !== 0);
    // Another device of this index was there before.
    if (attached === false) await this.detach(ifindex);
    this.addEntry(ifindex);
    if (attached === true) return;
    const link = await attachProgramByLink(hook, {
      ifindex,
      program: this.programs[directionOf(hook)].fd,
      anchor: 'head',
    });
    try {
      pinBpfObject(link, path);
    } finally {
      closeSync(link);
    }
  }

  /** Removes the links of a host end and its entry. */
  async detach(ifindex: number): Promise<void> {
    for (const hook of allHooks) await detachPin(linkPath(this.pins, ifindex, hook));
    this.deleteEntry(ifindex);
  }

  /** Makes the programs count at a host end, from zero unless it is counted already. */
  addEntry(ifindex: number): void {
    const zero = Buffer.alloc(countersBytes * libbpf_num_possible_cpus());
    const result = bpf_map_update_elem(this.#map.fd, keyOf(ifindex), zero, BPF_NOEXIST);
    if (!failedWithErrno(result, 'EEXIST')) checkBpfResult(`count at ifindex ${ifindex}`, result);
  }

  deleteEntry(ifindex: number): void {
    this.#map.delete(keyOf(ifindex));
  }

  /**
   * Remembers over restarts that the programs run as filters of a host end.
   * @param ownQdisc true if Podlane adds the qdisc for them
   */
  markFilters(ifindex: number, ownQdisc: boolean): void {
    replacePin(this.programs.egress.fd, filterPath(this.pins, { ifindex, ownQdisc }));
  }

  markedFilters(ifindex: number): FilterMark | null {
    return listFilterMarks(this.pins).find((mark) => mark.ifindex === ifindex) ?? null;
  }

  unmarkFilters(ifindex: number): void {
    for (const ownQdisc of [true, false]) removePin(filterPath(this.pins, { ifindex, ownQdisc }));
  }

  /** Returns when the programs were attached to a host end; null if they are not. */
  attachedSince(ifindex: number): Date | null {
    const link = listObservePins(this.pins).find((pin) => pin.ifindex === ifindex)?.path;
    const mark = this.markedFilters(ifindex);
    const path = link ?? (mark && filterPath(this.pins, mark));
    return path ? (statSync(path, { throwIfNoEntry: false })?.mtime ?? null) : null;
  }

  /** Closes the descriptors. Pinned links go on counting. */
  close(): void {
    closeSync(this.#mapFd);
    for (const { fd } of Object.values(this.programs)) closeSync(fd);
  }

  /** Takes over the links of an earlier agent, and removes those whose device is gone, with their entries. */
  async #adoptLinks(): Promise<void> {
    for (const { ifindex, hook, path } of listObservePins(this.pins)) {
      const { fd, id } = this.programs[directionOf(hook)];
      const kept = await withPinnedBpfLink(path, async (link, info) => {
        if (info.ifindex === 0) return false;
        return info.programId === id || replaceUnlessGone(path, link, fd);
      });
      if (kept !== true) await this.detach(ifindex);
    }
    const attached = this.attached();
    for (const ifindex of this.read().keys()) if (!attached.has(ifindex)) this.deleteEntry(ifindex);
  }
}

/**
 * Detaches and removes everything that counting programs of these pins have at links. @returns the host ends that have
 * filters, which the caller removes
 */
export async function removeObservePins(pins: string): Promise<FilterMark[]> {
  for (const { path } of listObservePins(pins)) await detachPin(path);
  const marked = listFilterMarks(pins);
  for (const mark of marked) removePin(filterPath(pins, mark));
  removePin(join(pins, folders.root, 'counters'));
  for (const name of listPinNames(join(pins, folders.programs)))
    removePin(join(pins, folders.programs, name));
  return marked;
}

async function detachPin(path: string): Promise<void> {
  await withPinnedBpfLink(path, (fd) => detachBpfLink(`detach ${path}`, fd));
  removePin(path);
}

/** @returns false if the link's device was removed in the meantime */
async function replaceUnlessGone(path: string, link: number, program: number): Promise<boolean> {
  try {
    await updateBpfLink(`replace the program of ${path}`, link, program);
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.errnoName === 'ENOLINK') return false;
    throw error;
  }
}

/**
 * Chooses the program of a direction: the pinned one if it has the same instructions and the same map, else the loaded one,
 * which is pinned instead.
 */
function keepProgram(
  pins: string,
  direction: Direction,
  { programs, maps }: LoadedBpfObject,
): { fd: number; id: number } {
  const path = join(pins, folders.programs, direction);
  const loaded = programs.get(`observe_${direction}`) ?? -1;
  const [wanted, mapId] = [readBpfProgramInfo(loaded), readBpfMapInfo(maps.get('observed') ?? -1).id];
  const pinned = openPinnedObject(path);
  if (pinned !== null) {
    const info = readBpfProgramInfo(pinned);
    if (info.tag === wanted.tag && info.mapIds.includes(mapId)) return { fd: pinned, id: info.id };
    closeSync(pinned);
  }
  replacePin(loaded, path);
  return { fd: reopen(path), id: wanted.id };
}

/** Opens what was just pinned. */
function reopen(path: string): number {
  const fd = openPinnedObject(path);
  if (fd === null) throw new Error(`${path}: the pin was removed at once`);
  return fd;
}

/** Opens the pinned map; null if there is none, or one of another version, whose counts are lost. */
function openUsableMap(path: string): number | null {
  const fd = openPinnedObject(path);
  if (fd === null) return null;
  const { keyBytes, valueBytes, maxEntries } = readBpfMapInfo(fd);
  if (keyBytes === 4 && valueBytes === countersBytes && maxEntries === maxHostEnds) return fd;
  closeSync(fd);
  return null;
}

function keyOf(ifindex: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(ifindex);
  return key;
}

function sumOverCpus(values: Buffer): ObservedCounters {
  const sum = { ...zeroObservedCounters };
  for (let at = 0; at + countersBytes <= values.length; at += countersBytes) {
    sum.egressPackets += values.readBigUInt64LE(at);
    sum.egressBytes += values.readBigUInt64LE(at + 8);
    sum.ingressPackets += values.readBigUInt64LE(at + 16);
    sum.ingressBytes += values.readBigUInt64LE(at + 24);
  }
  return sum;
}
