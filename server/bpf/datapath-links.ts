import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Anchor } from './anchor.ts';
import { type DatapathPrograms, linkHooks, programAt } from './datapath-programs.ts';
import { BpfError } from './error.ts';
import { attachLink, type LinkHook } from './hook.ts';
import { detachLink, updateLink, withPinnedLink } from './link.ts';
import type { DeviceLinkInfo } from './link-info.ts';
import { pin, pinnedNames, unpin } from './pin.ts';
import { primaryIfindex, slotOf } from './slot-layout.ts';

/** A link of ours by its pin, `links/SLOT-HOOK` with - for /. */
export interface PinnedLink {
  slot: number;
  hook: LinkHook;
  path: string;
}

const pathOf = (pins: string, slot: number, hook: LinkHook): string =>
  join(pins, 'links', `${slot}-${hook.replace('/', '-')}`);

/** All links that are pinned, by slot. */
export function pinnedLinks(pins: string): PinnedLink[] {
  return pinnedNames(join(pins, 'links'))
    .flatMap((name) => {
      const slot = Number.parseInt(name, 10);
      const hook = linkHooks.find((hook) => name === `${slot}-${hook.replace('/', '-')}`);
      return hook === undefined ? [] : { slot, hook, path: join(pins, 'links', name) };
    })
    .sort((a, b) => a.slot - b.slot);
}

/** A link at netkit/peer tells the peer's index, although it is made through the primary (netkit_link_fill_info). */
const attachesTo = (info: DeviceLinkInfo, slot: number): boolean => slotOf(info.ifindex) === slot;

/**
 * Our program at `hook` of the slot's device, pinned. One that is there already is brought up to date and keeps
 * its place, a new one goes where `order` says.
 */
export async function attachPinned(
  pins: string,
  programs: DatapathPrograms,
  hook: LinkHook,
  slot: number,
  anchor?: Anchor,
): Promise<void> {
  const path = pathOf(pins, slot, hook);
  const program = programs[programAt[hook]];
  const there = await withPinnedLink(path, async (fd, info) => {
    if (!attachesTo(info, slot)) return false;
    if (info.programId !== program.id) await updateLink(`replace the program of ${path}`, fd, program.fd);
    return true;
  });
  if (there) return;
  unpin(path);
  const options = { ifindex: primaryIfindex(slot), program: program.fd };
  const fd = await attachLink(hook, anchor === undefined ? options : { ...options, anchor });
  try {
    pin(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** Takes the link's program off the hook, then the pin away: a removed pin alone may outlive in a descriptor. */
export async function detachPinned(link: PinnedLink): Promise<void> {
  await withPinnedLink(link.path, (fd) => detachLink(`detach ${link.path}`, fd));
  unpin(link.path);
}

/**
 * Has every pinned link run these programs: those of another build are replaced, no packet passing without.
 * `each` hears of every replacement. @returns how many there were
 */
export async function updateLinks(
  pins: string,
  programs: DatapathPrograms,
  each?: (replaced: number) => void,
): Promise<number> {
  let updated = 0;
  for (const { slot, hook, path } of pinnedLinks(pins)) {
    const program = programs[programAt[hook]];
    await withPinnedLink(path, async (fd, info) => {
      if (!attachesTo(info, slot) || info.programId === program.id) return;
      if (!(await replaceUnlessGone(`replace the program of ${path}`, fd, program.fd))) return;
      updated += 1;
      each?.(updated);
    });
  }
  return updated;
}

/** A link whose device was deleted meanwhile has nothing to replace. */
async function replaceUnlessGone(tried: string, link: number, program: number): Promise<boolean> {
  try {
    await updateLink(tried, link, program);
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.errnoName === 'ENOLINK') return false;
    throw error;
  }
}
