import { closeSync } from 'node:fs';
import { join } from 'node:path';
import type { UserProgramOrder } from '../../contract/build.ts';
import type { Direction } from '../../contract/direction.ts';
import type { AttachAnchor } from './attach-anchor.ts';
import { attachesTo, type SlotPrimary } from './datapath-links.ts';
import { datapathLinkHooks } from './datapath-programs.ts';
import { attachProgramByLink, type LinkHook } from './hook.ts';
import { detachBpfLink, withPinnedBpfLink } from './link.ts';
import {
  ensurePinDirectory,
  listPinNames,
  openPinnedObject,
  pinBpfObject,
  removePin,
  removePinDirectory,
} from './pin.ts';
import { readBpfProgramInfo } from './program-info.ts';

/** A pod's user program, described by its pins, which keep it loaded. */
export interface UserProgramPin {
  /** Number of the pod, the same as `owner` in the pod's slots. */
  owner: number;
  /** Number of the user program within the pod, starting at 1. */
  number: number;
  direction: Direction;
  place: UserProgramOrder;
  programId: number;
  path: string;
}

const directoryName = /^(\d+)-(\d+)-(egress|ingress|out|in)-(before|after)$/;
/** Directions by their spelling in the name of a pin directory. Earlier versions wrote `out` and `in`. */
const directionNamed: Readonly<Record<string, Direction>> = {
  egress: 'egress',
  ingress: 'ingress',
  out: 'egress',
  in: 'ingress',
};
const linkName = (slot: number, hook: LinkHook): string => `${slot}-${hook.replace('/', '-')}`;

/**
 * The pins of the node's user programs. Each has a directory `users/OWNER-NUMBER-DIRECTION-PLACE` with its `program` and
 * its links to devices by `SLOT-HOOK`. They are read once and kept in memory, since only this class writes there.
 */
export class UserProgramPins {
  readonly #directory: string;
  readonly #pins: UserProgramPin[] = [];

  constructor(pins: string) {
    this.#directory = join(pins, 'users');
    for (const name of listPinNames(this.#directory)) {
      const path = join(this.#directory, name);
      const [, owner, number, direction, place] = directoryName.exec(name) ?? [];
      const fd = owner === undefined ? null : openPinnedObject(join(path, 'program'));
      if (fd === null) {
        // The agent was killed before it pinned the program.
        removePinDirectory(path);
        continue;
      }
      const { id: programId } = readBpfProgramInfo(fd);
      closeSync(fd);
      this.#pins.push({
        owner: Number(owner),
        number: Number(number),
        programId,
        path,
        direction: directionNamed[String(direction)] ?? 'egress',
        place: place as UserProgramOrder,
      });
    }
    this.#pins.sort((a, b) => a.owner - b.owner || a.number - b.number);
  }

  /** Lists a pod's user programs in the order in which they were added. */
  of(owner: number): UserProgramPin[] {
    return this.#pins.filter((each) => each.owner === owner);
  }

  find(programId: number): UserProgramPin | undefined {
    return this.#pins.find((each) => each.programId === programId);
  }

  owners(): Set<number> {
    return new Set(this.#pins.map(({ owner }) => owner));
  }

  /** Pins a loaded user program without attaching it. */
  add(
    program: number,
    where: Pick<UserProgramPin, 'owner' | 'number' | 'direction' | 'place'>,
  ): UserProgramPin {
    const { owner, number, direction, place } = where;
    const path = join(this.#directory, `${owner}-${number}-${direction}-${place}`);
    removePinDirectory(path);
    ensurePinDirectory(path);
    pinBpfObject(program, join(path, 'program'));
    const added = { ...where, path, programId: readBpfProgramInfo(program).id };
    this.#pins.push(added);
    return added;
  }

  /** Runs `use` with a temporary descriptor of the user program. */
  async withProgram<T>({ path }: UserProgramPin, use: (fd: number) => Promise<T>): Promise<T> {
    const fd = openPinnedObject(join(path, 'program'));
    if (fd === null) throw new Error(`open the user program pinned at ${path}: the pin is gone`);
    try {
      return await use(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Attaches a user program to a hook of a device, unless it is already attached there. @throws BpfError */
  async attach(
    pinned: UserProgramPin,
    hook: LinkHook,
    primary: SlotPrimary,
    anchor: AttachAnchor,
  ): Promise<void> {
    const path = join(pinned.path, linkName(primary.slot, hook));
    const attached = await withPinnedBpfLink(path, (_, info) => attachesTo(info, primary));
    if (attached) return;
    removePin(path);
    await this.withProgram(pinned, async (program) => {
      const fd = await attachProgramByLink(hook, { ifindex: primary.ifindex, program, anchor });
      try {
        pinBpfObject(fd, path);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** Detaches all user programs from the given hooks (default: all) of the slot's device; the device may already be gone. */
  async detach(slot: number, hooks: readonly LinkHook[] = datapathLinkHooks): Promise<void> {
    for (const pinned of this.#pins) await this.#detach(pinned, slot, hooks);
  }

  /** Detaches a user program from all devices and unloads it. */
  async remove(pinned: UserProgramPin): Promise<void> {
    for (const name of listPinNames(pinned.path))
      if (name !== 'program') await this.#detach(pinned, Number.parseInt(name, 10), datapathLinkHooks);
    removePinDirectory(pinned.path);
    this.#pins.splice(this.#pins.indexOf(pinned), 1);
  }

  async #detach(pinned: UserProgramPin, slot: number, hooks: readonly LinkHook[]): Promise<void> {
    for (const hook of hooks) {
      const path = join(pinned.path, linkName(slot, hook));
      await withPinnedBpfLink(path, (fd) => detachBpfLink(`detach ${path}`, fd));
      removePin(path);
    }
  }
}
