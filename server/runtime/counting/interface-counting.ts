import { BpfError } from '../../bpf/bpf-error.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import type { InterfaceCounting, ObservedInterface } from '../observed-pod.ts';
import { type HostEndPrograms, NotCountable } from './host-end-programs.ts';

/** Decides how interfaces are counted, and attaches programs where they are to count. */
export class InterfaceCounters {
  readonly #programs: HostEndPrograms | null;
  readonly #whyNone: string | null;
  readonly #failed: (error: unknown) => void;

  /**
   * @param programs null if no program is to count, or none can
   * @param whyNone why none can; null if none is to
   */
  constructor(programs: HostEndPrograms | null, whyNone: string | null, failed: (error: unknown) => void) {
    this.#programs = programs;
    this.#whyNone = whyNone;
    this.#failed = failed;
  }

  /** Counts the packets of an interface from now on. Never throws: what cannot be counted by a program has statistics. */
  async start(each: Omit<ObservedInterface, 'counting' | 'counters'>): Promise<InterfaceCounting> {
    // What others' programs hand to the pod's end directly never passes a netkit's host end.
    const at = each.hostEnd !== null && each.kind === 'veth' ? 'host' : 'pod';
    if (this.#programs === null) return { by: 'statistics', at, reason: this.#whyNone };
    if (each.hostEnd === null) return { by: 'statistics', at, reason: explainMissingEnd(each) };
    try {
      await this.#programs.attach(each.hostEnd);
      return { by: 'programs', at: 'host', reason: null };
    } catch (error) {
      // A device that is gone takes its pod along, which the kernel reports.
      if (!(error instanceof NotCountable) && !isDeviceGone(error)) this.#failed(error);
      return { by: 'statistics', at, reason: (error as Error).message };
    }
  }

  /** Removes what counts at a host end. */
  async stop(ifindex: number): Promise<void> {
    await this.#programs?.detach(ifindex);
  }

  /** Removes what an earlier agent left at host ends that no observed pod has. */
  async stopOthers(hostEnds: ReadonlySet<number>): Promise<void> {
    for (const ifindex of this.#programs?.programs.attached() ?? [])
      if (!hostEnds.has(ifindex)) await this.stop(ifindex);
  }
}

const isDeviceGone = (error: unknown): boolean =>
  (error instanceof BpfError && error.errnoName === 'ENODEV') || isNetlinkError(error, 'ENODEV');

/** Explains why the node has no other end of an interface. */
export function explainMissingEnd({
  kind,
  link,
  parent,
}: Pick<ObservedInterface, 'kind' | 'link' | 'parent'>): string {
  if (link.netkit?.pairing === 'single') return 'a single netkit device has no other end';
  if (kind !== 'veth' && kind !== 'netkit')
    return parent === null
      ? `the interface that this ${kind} is on is not in the node’s namespace`
      : `a ${kind} has no end of its own on the node`;
  return 'its other end is not in the node’s namespace';
}
