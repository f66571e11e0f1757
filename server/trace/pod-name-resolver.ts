import type { EventEmitter } from 'node:events';
import { formatIpAddress, parseAddress } from '../../contract/cidr.ts';
import type { ClusterAddressOwner } from '../../contract/kubernetes.ts';
import type { PodSummary } from '../../contract/pod.ts';
import type { PacketEndpoint, PodReference } from '../../contract/verdict.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { DatapathEvents } from '../datapath/datapath-events.ts';

export type PodChangeSource = EventEmitter<DatapathEvents> & Pick<Datapath, 'all' | 'summaries'>;

/** Maximum number of removed pods whose names are remembered for late events. */
const keptNames = 1000;

/** Finds the names of pods by pod number, slot, address or network namespace. */
export class PodNameResolver {
  readonly #pods: PodChangeSource;
  /** Index of the pods; null after a pod was added, changed or removed. */
  #index: Index | null = null;
  readonly #byNumber = new Map<number, PodReference>();
  readonly #ownerOf: (address: string) => ClusterAddressOwner | null;
  readonly #changed = (): void => {
    this.#index = null;
  };

  /** Creates a resolver. @param ownerOf finds the object of the cluster that has an address */
  constructor(pods: PodChangeSource, ownerOf: (address: string) => ClusterAddressOwner | null = () => null) {
    this.#pods = pods;
    this.#ownerOf = ownerOf;
    pods.on('pod', this.#changed).on('migration', this.#changed).on('pod-removed', this.#changed);
  }

  /** Finds a pod by its number, including recently removed pods. @param number number of the pod in its slots */
  ofNumber(number: number): PodReference | null {
    this.#current();
    return this.#byNumber.get(number) ?? null;
  }

  ofSlot(slot: number): PodSummary | null {
    return this.#current().bySlot.get(slot) ?? null;
  }

  /** Finds a pod by address. @param address address text as formatted by `formatIpAddress` */
  ofAddress(address: string): PodReference | null {
    const pod = this.#current().byAddress.get(address);
    return pod ? toPodReference(pod) : null;
  }

  /**
   * Names the end of a packet: by the pod of the node that has the address, else by the object of the cluster that does.
   * @param address address text as formatted by `formatIpAddress`
   */
  endpoint(address: string, port: number | null): PacketEndpoint {
    const pod = this.ofAddress(address);
    const owner = pod === null ? this.#ownerOf(address) : null;
    return { address, port, pod, ...(owner === null ? {} : { cluster: owner }) };
  }

  /** Finds a pod by network namespace. @param inode inode number of the network namespace */
  ofNamespace(inode: bigint): PodReference | null {
    return this.#current().byNamespace.get(inode) ?? null;
  }

  close(): void {
    this.#pods.off('pod', this.#changed).off('migration', this.#changed).off('pod-removed', this.#changed);
  }

  #current(): Index {
    if (this.#index) return this.#index;
    const summaries = this.#pods.summaries();
    for (const pod of summaries) {
      this.#byNumber.delete(pod.number);
      this.#byNumber.set(pod.number, toPodReference(pod));
    }
    for (const number of this.#byNumber.keys()) {
      if (this.#byNumber.size <= summaries.length + keptNames) break;
      this.#byNumber.delete(number);
    }
    this.#index = indexOf(summaries, this.#pods.all());
    return this.#index;
  }
}

interface Index {
  bySlot: Map<number, PodSummary>;
  byAddress: Map<string, PodSummary>;
  byNamespace: Map<bigint, PodReference>;
}

export const toPodReference = ({ id, namespace, name }: PodSummary): PodReference => ({
  id,
  namespace,
  name,
});

/** Returns the addresses of a pod without prefix lengths. */
export const listPodAddresses = ({ addresses }: Pick<PodSummary, 'addresses'>): string[] =>
  addresses.map((cidr) => formatIpAddress(parseAddress(cidr.replace(/\/.*/, ''))));

function indexOf(summaries: readonly PodSummary[], counted: ReturnType<PodChangeSource['all']>): Index {
  const index: Index = { bySlot: new Map(), byAddress: new Map(), byNamespace: new Map() };
  const byId = new Map(summaries.map((pod) => [pod.id, pod]));
  for (const pod of summaries) for (const address of listPodAddresses(pod)) index.byAddress.set(address, pod);
  for (const { id, slots, netnsInode } of counted) {
    const pod = byId.get(id);
    if (!pod) continue;
    index.byNamespace.set(netnsInode, toPodReference(pod));
    // A pod has two devices during a migration.
    for (const slot of slots) index.bySlot.set(slot, pod);
  }
  return index;
}
