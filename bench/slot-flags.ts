import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { slotBytes } from '../server/bpf/layout.ts';
import { ArrayMap } from '../server/bpf/map.ts';
import { openPinned } from '../server/bpf/pin.ts';

/** What the agent set for a slot (struct podlane_slot, `bpf/podlane.h`), to be changed for a while. */
export class SlotFlags implements Disposable {
  readonly #slots: ArrayMap;
  readonly #before = new Map<number, Buffer>();

  constructor(pins: string) {
    const fd = openPinned(join(pins, 'maps/slots'));
    if (fd === null) throw new Error(`no slots are pinned at ${pins}`);
    this.#slots = new ArrayMap(fd, 'slots', slotBytes);
  }

  /** Leaves on only those of the agent's flags that are in `mask`; flags are the first word. */
  keep(slot: number, mask: number): void {
    const before = this.#before.get(slot) ?? this.#slots.get(slot);
    this.#before.set(slot, before);
    const value = Buffer.from(before);
    value.writeUInt32LE((before.readUInt32LE(0) & mask) >>> 0, 0);
    this.#slots.set(slot, value);
  }

  [Symbol.dispose](): void {
    closeSync(this.#slots.fd);
  }
}
