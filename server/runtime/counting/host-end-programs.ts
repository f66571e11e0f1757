import { type ObservePrograms, removeObservePins } from '../../bpf/observe-program.ts';
import { addClsactQdisc, deleteClsactQdisc, findFilterQdiscKind } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import {
  deleteTcBpfFilter,
  listTcFilters,
  replaceTcBpfFilter,
  type TcHook,
} from '../../netlink/tc-filter.ts';
import type { HostEnd } from '../observed-pod.ts';

/** Place of the filters: before all others, of which the newest of a priority runs first. */
const filterPlace = { priority: 1, handle: 0x706f } as const;
const tcHooks = { egress: 'tc/ingress', ingress: 'tc/egress' } as const satisfies Record<string, TcHook>;

/** Explains why programs cannot count at a host end without changing what happens to packets there. */
export class NotCountable extends Error {}

/**
 * Attaches the counting programs to host ends: at tcx or, where the kernel has none, as filters of clsact. They run before
 * all others and pass every packet on to them.
 */
export class HostEndPrograms {
  readonly programs: ObservePrograms;
  readonly #host: NetlinkSocket;
  readonly #hooks: 'tcx' | 'tc';

  constructor(programs: ObservePrograms, host: NetlinkSocket, hooks: 'tcx' | 'tc') {
    this.programs = programs;
    this.#host = host;
    this.#hooks = hooks;
  }

  /**
   * Counts at a host end from now on; goes on where it is counted already.
   * @throws NotCountable, or the kernel's refusal; then nothing is attached
   */
  async attach({ ifindex, link }: Pick<HostEnd, 'ifindex' | 'link'>): Promise<void> {
    // Without programs, the policy of a netkit end decides; with one that lets all pass, it would not any more. What
    // others' programs redirect at the pod's end never comes to the host's.
    if (link.kind === 'netkit' && link.netkit?.peerPolicy !== 'forward')
      throw new NotCountable('its netkit device has the policy blackhole, which a program would suspend');
    try {
      if (this.#hooks === 'tc') await this.#attachFilters(ifindex);
      else {
        await this.programs.attach(ifindex, link.kind === 'netkit' ? 'netkit/peer' : 'tcx/ingress');
        await this.programs.attach(ifindex, 'tcx/egress');
      }
    } catch (error) {
      await this.detach(ifindex);
      throw error;
    }
  }

  /** Removes what was attached to a host end, which may be gone. */
  async detach(ifindex: number): Promise<void> {
    await this.programs.detach(ifindex);
    const marked = this.programs.markedFilters(ifindex);
    if (marked !== null) {
      await removeFilters(this.#host, ifindex, marked.ownQdisc);
      this.programs.unmarkFilters(ifindex);
    }
  }

  async #attachFilters(ifindex: number): Promise<void> {
    const qdisc = await findFilterQdiscKind(this.#host, ifindex);
    if (qdisc === 'ingress')
      throw new NotCountable('its host end has an ingress qdisc of others, which has no hook for egress');
    this.programs.addEntry(ifindex);
    const marked = this.programs.markedFilters(ifindex);
    if (marked === null) this.programs.markFilters(ifindex, qdisc === null);
    if (qdisc === null) await addClsactQdisc(this.#host, ifindex);
    for (const direction of ['egress', 'ingress'] as const)
      await replaceTcBpfFilter(this.#host, ifindex, tcHooks[direction], {
        ...filterPlace,
        program: this.programs.programs[direction].fd,
        name: `observe_${direction}`,
      });
  }
}

/** Removes everything that counting programs of these pins have in the kernel. */
export async function removeObservePrograms(pins: string, host: NetlinkSocket): Promise<void> {
  for (const { ifindex, ownQdisc } of await removeObservePins(pins))
    await removeFilters(host, ifindex, ownQdisc);
}

/** @param ownQdisc true if the clsact qdisc is Podlane's, which goes if nobody else has filters there */
async function removeFilters(host: NetlinkSocket, ifindex: number, ownQdisc: boolean): Promise<void> {
  try {
    let others = 0;
    for (const hook of Object.values(tcHooks)) {
      const found = await listTcFilters(host, ifindex, hook);
      const ours = found.filter(
        ({ priority, handle }) => priority === filterPlace.priority && handle === filterPlace.handle,
      );
      others += found.length - ours.length;
      if (ours.length > 0) await deleteTcBpfFilter(host, ifindex, hook, filterPlace);
    }
    if (ownQdisc && others === 0) await deleteClsactQdisc(host, ifindex);
  } catch (error) {
    // The device or its qdisc is gone.
    if (!isNetlinkError(error, 'ENODEV', 'ENOENT', 'EINVAL')) throw error;
  }
}
