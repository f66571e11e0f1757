import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import type { AttachAnchor } from './attach-anchor.ts';
import { BpfError } from './bpf-error.ts';
import { withBpfObjectById } from './bpf-object-info.ts';
import { datapathLinkHooks, type LoadedDatapathPrograms, programNameByHook } from './datapath-programs.ts';
import { computeSlotFromIfindex, isForeignIfindex } from './datapath-structs.ts';
import { attachProgramByLink, type LinkHook } from './hook.ts';
import { queryHookPrograms } from './hook-query.ts';
import { detachBpfLink, updateBpfLink, withPinnedBpfLink } from './link.ts';
import type { DeviceLinkInfo } from './link-info.ts';
import { listPinNames, pinBpfObject, removePin } from './pin.ts';

/** One of Podlane's BPF links, pinned as `links/SLOT-HOOK`, where `/` in the hook name is replaced with `-`. */
export interface PinnedDatapathLink {
  slot: number;
  hook: LinkHook;
  path: string;
}

const pathOf = (pins: string, slot: number, hook: LinkHook): string =>
  join(pins, 'links', `${slot}-${hook.replace('/', '-')}`);

/** Lists Podlane's pinned links in the order of their slots. */
export function listPinnedLinks(pins: string): PinnedDatapathLink[] {
  return listPinNames(join(pins, 'links'))
    .flatMap((name) => {
      const slot = Number.parseInt(name, 10);
      const hook = datapathLinkHooks.find((hook) => name === `${slot}-${hook.replace('/', '-')}`);
      return hook === undefined ? [] : { slot, hook, path: join(pins, 'links', name) };
    })
    .sort((a, b) => a.slot - b.slot);
}

/** True if the link of a slot's hook is pinned. Looks at this one name: a node with many pods has thousands of pins. */
export const isLinkPinned = (pins: string, slot: number, hook: LinkHook): boolean =>
  existsSync(pathOf(pins, slot, hook));

/** Lists the pinned links of one slot. */
export const listPinnedLinksOfSlot = (pins: string, slot: number): PinnedDatapathLink[] =>
  datapathLinkHooks
    .filter((hook) => isLinkPinned(pins, slot, hook))
    .map((hook) => ({ slot, hook, path: pathOf(pins, slot, hook) }));

/** Slot of a device with the index of its primary, which follows from the slot unless others made the device. */
export interface SlotPrimary {
  slot: number;
  ifindex: number;
}

/** True if a link is on the device. The kernel reports the peer's ifindex for a link at netkit/peer. */
export const attachesTo = (info: DeviceLinkInfo, { slot, ifindex }: SlotPrimary): boolean =>
  isForeignIfindex(ifindex) ? info.ifindex === ifindex : computeSlotFromIfindex(info.ifindex) === slot;

/**
 * Attaches the program at `hook` of the slot's device and pins the link. An attached program of another build is
 * replaced and keeps its place; a new one goes where `order` says.
 */
export async function attachPinnedLink(
  pins: string,
  programs: LoadedDatapathPrograms,
  hook: LinkHook,
  primary: SlotPrimary,
  anchor?: AttachAnchor,
): Promise<void> {
  const path = pathOf(pins, primary.slot, hook);
  const program = programs[programNameByHook[hook]];
  const there = await withPinnedBpfLink(path, async (fd, info) => {
    if (!attachesTo(info, primary)) return false;
    if (info.programId !== program.id) await updateBpfLink(`replace the program of ${path}`, fd, program.fd);
    return true;
  });
  if (there) return;
  removePin(path);
  if (await pinAttachedLink(path, program.id, hook, primary.ifindex)) return;
  const options = { ifindex: primary.ifindex, program: program.fd };
  const fd = await attachProgramByLink(hook, anchor === undefined ? options : { ...options, anchor });
  try {
    pinBpfObject(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** Removes the pins of a slot's links whose device is gone: the kernel frees links without a pin by itself. */
export function unpinLinksOfSlot(pins: string, slot: number): void {
  for (const { path } of listPinnedLinksOfSlot(pins, slot)) removePin(path);
}

/**
 * Pins a link that is attached although its pin was removed, because another process holds it; the kernel takes a
 * program only once on a hook. @returns false if there is no such link
 */
async function pinAttachedLink(
  path: string,
  programId: number,
  hook: LinkHook,
  ifindex: number,
): Promise<boolean> {
  const programs = await queryHookPrograms(ifindex, hook).catch((error: unknown) => {
    // Attaching reports a device that is missing, by the operation that was asked for.
    if (error instanceof ProblemError && error.code === 'device_missing') return [];
    throw error;
  });
  const linkId = programs.find((each) => each.programId === programId)?.linkId ?? null;
  if (linkId === null) return false;
  return (
    withBpfObjectById('link', linkId, (fd) => {
      pinBpfObject(fd, path);
      return true;
    }) ?? false
  );
}

/** Detaches a link and removes its pin. Removing the pin alone would leave it attached while any process holds it. */
export async function detachPinnedLink(link: PinnedDatapathLink): Promise<void> {
  await withPinnedBpfLink(link.path, (fd) => detachBpfLink(`detach ${link.path}`, fd));
  removePin(link.path);
}

/**
 * Replaces programs of another build on all pinned links, without a gap for any packet.
 * @param ifindexOf returns the index of a slot's primary
 * @param each is called after every replacement with their number so far @returns the number of replacements
 */
export async function updatePinnedLinks(
  pins: string,
  programs: LoadedDatapathPrograms,
  ifindexOf: (slot: number) => number,
  each?: (replaced: number) => void,
): Promise<number> {
  let updated = 0;
  for (const { slot, hook, path } of listPinnedLinks(pins)) {
    const program = programs[programNameByHook[hook]];
    await withPinnedBpfLink(path, async (fd, info) => {
      if (!attachesTo(info, { slot, ifindex: ifindexOf(slot) }) || info.programId === program.id) return;
      if (!(await replaceUnlessGone(`replace the program of ${path}`, fd, program.fd))) return;
      updated += 1;
      each?.(updated);
    });
  }
  return updated;
}

/** Replaces the program of a BPF link. @returns false if the link's device was removed in the meantime */
async function replaceUnlessGone(tried: string, link: number, program: number): Promise<boolean> {
  try {
    await updateBpfLink(tried, link, program);
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.errnoName === 'ENOLINK') return false;
    throw error;
  }
}
