import type { MigrationResult } from '../../../contract/migration.ts';
import { getLink } from '../../netlink/link.ts';
import { readQdiscDrops } from '../../netlink/qdisc-drops.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext, KernelDropReading } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

/** Reasons of packets that programs dropped at a hook; Podlane's count these by their own reasons. */
const programReasons = ['TC_INGRESS', 'TC_EGRESS'];

/**
 * Measures the packets that are dropped while a device is replaced by another: by both ends of both devices, by their
 * queues, and by the kernel for the pod, by reason.
 */
export class DeviceDropMeter {
  readonly #host: NetlinkSocket;
  readonly #namespace: PodNamespace;
  readonly #readKernel: () => KernelDropReading;
  /** Drops of the old device before and after; null if the agent was restarted in between, which read it before. */
  #before: number | null = null;
  #old = 0;
  #kernelBefore: KernelDropReading = null;

  /** @param readKernel reads the pod's kernel drops since some moment */
  constructor(
    { host }: Pick<KernelContext, 'host'>,
    namespace: PodNamespace,
    readKernel: () => KernelDropReading,
  ) {
    this.#host = host;
    this.#namespace = namespace;
    this.#readKernel = readKernel;
  }

  /** Reads the counters for the first time. @param old the old device */
  async start(old: IndexedDevice): Promise<void> {
    this.#before = await this.#read(old);
    this.#kernelBefore = this.#readKernel();
  }

  /** Reads the old device for the last time, before it is deleted. */
  async beforeRemoval(old: IndexedDevice): Promise<void> {
    this.#old = await this.#read(old);
  }

  /** Returns what was dropped since the start. @param fresh the new device, whose whole life counts */
  async finish(fresh: IndexedDevice): Promise<Pick<MigrationResult, 'deviceDrops' | 'kernelDrops'>> {
    const ofOld = this.#before === null ? 0 : Math.max(0, this.#old - this.#before);
    return { deviceDrops: ofOld + (await this.#read(fresh)), kernelDrops: this.#kernelDrops() };
  }

  #kernelDrops(): MigrationResult['kernelDrops'] {
    const [before, after] = [this.#kernelBefore, this.#readKernel()];
    if (before === null || after === null) return null;
    return [...after]
      .map(([reason, packets]) => ({ reason, packets: packets - (before.get(reason) ?? 0) }))
      .filter(({ reason, packets }) => packets > 0 && !programReasons.includes(reason))
      .sort((a, b) => b.packets - a.packets);
  }

  /** Sums the drops of both ends of a device in both directions, and of their queues, since it was created. */
  async #read(device: IndexedDevice): Promise<number> {
    return (
      (await readEndDrops(this.#host, getPrimaryIfindex(device))) +
      (await readEndDrops(this.#namespace.socket, getPeerIfindex(device)))
    );
  }
}

/**
 * Reads the packets that an interface and its queue dropped. What the CPU's backlog drops is among those of the interface
 * (enqueue_to_backlog, net/core/dev.c).
 */
async function readEndDrops(socket: NetlinkSocket, ifindex: number): Promise<number> {
  const link = await getLink(socket, { ifindex }, { stats: true });
  if (!link?.stats) return 0;
  const { receive, transmit } = link.stats;
  return receive.dropped + transmit.dropped + (await readQdiscDrops(socket, ifindex));
}
