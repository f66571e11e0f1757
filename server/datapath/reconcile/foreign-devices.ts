import { computeSlotFromIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { listLinks } from '../../netlink/link.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { Drift } from './drift.ts';

/** Time in ms between two looks: they list all interfaces of the host. */
const lookEveryMs = 60_000;
/** Maximum number of devices that the message names. */
const named = 5;

/** Finds devices that others made with an index of a slot. They are left alone, and their slots are not allocated. */
export class ForeignDevices {
  readonly #context: Pick<DatapathContext, 'kernel' | 'slots' | 'log'>;
  #found: Drift | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(context: Pick<DatapathContext, 'kernel' | 'slots' | 'log'>) {
    this.#context = context;
  }

  /** Returns the condition about such devices, as of the last minute; null if there are none. */
  async detect(): Promise<Drift | null> {
    const now = performance.now();
    if (now - this.#lookedAt < lookEveryMs) return this.#found;
    this.#lookedAt = now;
    const before = this.#found?.message;
    this.#found = await this.#look();
    if (this.#found !== null && this.#found.message !== before) this.#context.log.warn(this.#found.message);
    return this.#found;
  }

  async #look(): Promise<Drift | null> {
    const { kernel, slots } = this.#context;
    const foreign = (await listLinks(kernel.host)).filter(({ ifindex }) => {
      const slot = computeSlotFromIfindex(ifindex);
      if (slot === null || slot >= slots.max || ifindex !== slotToPrimaryIfindex(slot)) return false;
      return !slots.isUsed(slot);
    });
    if (foreign.length === 0) return null;
    const listed = foreign.slice(0, named).map(({ name, ifindex }) => `${name} (ifindex ${ifindex})`);
    const more = foreign.length > named ? ` and ${foreign.length - named} more` : '';
    return {
      key: 'foreign devices',
      reason: 'slot_taken',
      message: `others made ${foreign.length} device${foreign.length === 1 ? '' : 's'} with an index that Podlane uses for pods: ${listed.join(', ')}${more}. They are left alone, and no pod gets their slots`,
      repair: null,
      remedy:
        'Run: ip link delete NAME, if the device is of no use. It may be that of a pod of another Podlane with other pins.',
    };
  }
}
