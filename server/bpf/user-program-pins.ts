import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../../contract/build.ts';
import type { Direction } from '../../contract/direction.ts';
import type { Anchor } from './anchor.ts';
import { linkHooks } from './datapath-programs.ts';
import type { LinkHook } from './hook-query.ts';
import { detachLink, withPinnedLink } from './link.ts';
import { attachNetkit } from './netkit-hook.ts';
import { ensurePinDirectory, openPinned, pin, pinnedNames, removePinDirectory, unpin } from './pin.ts';
import { programInfo } from './program-info.ts';
import { primaryIfindex, slotOf } from './slot-layout.ts';
import { attachTcx } from './tcx-hook.ts';

/** A program that a user put on a pod, by its pins: they alone keep it, and say where it belongs. */
export interface UserProgramPin {
  /** The pod's number, as slots name their owner. */
  owner: number;
  /** Among those of the pod, from 1. */
  number: number;
  direction: Direction;
  place: Place;
  programId: number;
  path: string;
}

const directoryName = /^(\d+)-(\d+)-(egress|ingress|out|in)-(before|after)$/;
/** Directions by their word in a directory's name. Earlier versions wrote `out` and `in`. */
const directionNamed: Readonly<Record<string, Direction>> = {
  egress: 'egress',
  ingress: 'ingress',
  out: 'egress',
  in: 'ingress',
};
const linkName = (slot: number, hook: LinkHook): string => `${slot}-${hook.replace('/', '-')}`;

/**
 * Users' programs of this node: in `users/OWNER-NUMBER-DIRECTION-PLACE` of our pins, each its `program`, and by
 * `SLOT-HOOK` the links that hold it on devices. In memory, and read once: nobody else writes there.
 */
export class UserProgramPins {
  readonly #directory: string;
  readonly #pins: UserProgramPin[] = [];

  constructor(pins: string) {
    this.#directory = join(pins, 'users');
    for (const name of pinnedNames(this.#directory)) {
      const path = join(this.#directory, name);
      const [, owner, number, direction, place] = directoryName.exec(name) ?? [];
      const fd = owner === undefined ? null : openPinned(join(path, 'program'));
      if (fd === null) {
        // Killed before its program was pinned.
        removePinDirectory(path);
        continue;
      }
      const { id: programId } = programInfo(fd);
      closeSync(fd);
      this.#pins.push({
        owner: Number(owner),
        number: Number(number),
        programId,
        path,
        direction: directionNamed[String(direction)] ?? 'egress',
        place: place as Place,
      });
    }
    this.#pins.sort((a, b) => a.owner - b.owner || a.number - b.number);
  }

  /** A pod's, in the order they were put there, as far as numbers tell. */
  of(owner: number): UserProgramPin[] {
    return this.#pins.filter((each) => each.owner === owner);
  }

  find(programId: number): UserProgramPin | undefined {
    return this.#pins.find((each) => each.programId === programId);
  }

  owners(): Set<number> {
    return new Set(this.#pins.map(({ owner }) => owner));
  }

  /** Pins a loaded program, attached to nothing yet. */
  add(
    program: number,
    where: Pick<UserProgramPin, 'owner' | 'number' | 'direction' | 'place'>,
  ): UserProgramPin {
    const { owner, number, direction, place } = where;
    const path = join(this.#directory, `${owner}-${number}-${direction}-${place}`);
    removePinDirectory(path);
    ensurePinDirectory(path);
    pin(program, join(path, 'program'));
    const added = { ...where, path, programId: programInfo(program).id };
    this.#pins.push(added);
    return added;
  }

  /** Runs `use` with a descriptor of the program. */
  async withProgram<T>({ path }: UserProgramPin, use: (fd: number) => Promise<T>): Promise<T> {
    const fd = openPinned(join(path, 'program'))!;
    try {
      return await use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** On a hook of the slot's device; one that is there stays. @throws BpfRefusal */
  async attach(pinned: UserProgramPin, hook: LinkHook, slot: number, order: Anchor): Promise<void> {
    const path = join(pinned.path, linkName(slot, hook));
    const there = await withPinnedLink(path, (_, info) => slotOf(info.ifindex) === slot);
    if (there) return;
    unpin(path);
    await this.withProgram(pinned, async (program) => {
      const ifindex = primaryIfindex(slot);
      const fd =
        hook === 'netkit/primary' || hook === 'netkit/peer'
          ? await attachNetkit(hook, ifindex, program, order)
          : await attachTcx(hook, ifindex, program, order);
      try {
        pin(fd, path);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** Takes all of them off `hooks` of the slot's device, which may be gone; by default off all. */
  async detach(slot: number, hooks: readonly LinkHook[] = linkHooks): Promise<void> {
    for (const pinned of this.#pins) await this.#detach(pinned, slot, hooks);
  }

  /** Takes one off everything, and lets it go. */
  async remove(pinned: UserProgramPin): Promise<void> {
    for (const name of pinnedNames(pinned.path))
      if (name !== 'program') await this.#detach(pinned, Number.parseInt(name, 10), linkHooks);
    removePinDirectory(pinned.path);
    this.#pins.splice(this.#pins.indexOf(pinned), 1);
  }

  async #detach(pinned: UserProgramPin, slot: number, hooks: readonly LinkHook[]): Promise<void> {
    for (const hook of hooks) {
      const path = join(pinned.path, linkName(slot, hook));
      await withPinnedLink(path, (fd) => detachLink(`detach ${path}`, fd));
      unpin(path);
    }
  }
}
