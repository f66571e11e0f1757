import type { EventEmitter } from 'node:events';
import { addressText, parseAddress } from '../../contract/cidr.ts';
import type { PodSummary } from '../../contract/pod.ts';
import type { PodReference } from '../../contract/verdict.ts';
import type { Datapath, DatapathEvents } from '../datapath/datapath.ts';

export type PodSource = EventEmitter<DatapathEvents> & Pick<Datapath, 'all' | 'summaries'>;

/** Names of removed pods that are kept: an event of one may come after it is gone. */
const keptNames = 1000;

/** Pods by what packets and programs know of them. */
export class PodNames {
  readonly #pods: PodSource;
  /** Null when a pod has come, gone or changed since. */
  #index: Index | null = null;
  readonly #byNumber = new Map<number, PodReference>();
  readonly #changed = (): void => {
    this.#index = null;
  };

  constructor(pods: PodSource) {
    this.#pods = pods;
    pods.on('pod', this.#changed).on('migration', this.#changed).on('pod-removed', this.#changed);
  }

  /** @param number the pod's, as the slots' owner has it; also of a pod that is gone since it was last asked for any */
  ofNumber(number: number): PodReference | null {
    this.#known();
    return this.#byNumber.get(number) ?? null;
  }

  ofSlot(slot: number): PodSummary | null {
    return this.#known().bySlot.get(slot) ?? null;
  }

  /** @param address as `addressText` writes it */
  ofAddress(address: string): PodReference | null {
    const pod = this.#known().byAddress.get(address);
    return pod ? podReferenceOf(pod) : null;
  }

  /** @param inode of a network namespace */
  ofNamespace(inode: bigint): PodReference | null {
    return this.#known().byNamespace.get(inode) ?? null;
  }

  close(): void {
    this.#pods.off('pod', this.#changed).off('migration', this.#changed).off('pod-removed', this.#changed);
  }

  #known(): Index {
    if (this.#index) return this.#index;
    const summaries = this.#pods.summaries();
    for (const pod of summaries) {
      this.#byNumber.delete(pod.number);
      this.#byNumber.set(pod.number, podReferenceOf(pod));
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

export const podReferenceOf = ({ id, namespace, name }: PodSummary): PodReference => ({
  id,
  namespace,
  name,
});

/** The addresses themselves, of CIDRs of single addresses. */
export const podAddresses = ({ addresses }: Pick<PodSummary, 'addresses'>): string[] =>
  addresses.map((cidr) => addressText(parseAddress(cidr.split('/')[0]!)));

function indexOf(summaries: readonly PodSummary[], counted: ReturnType<PodSource['all']>): Index {
  const index: Index = { bySlot: new Map(), byAddress: new Map(), byNamespace: new Map() };
  const byId = new Map(summaries.map((pod) => [pod.id, pod]));
  for (const pod of summaries) for (const address of podAddresses(pod)) index.byAddress.set(address, pod);
  for (const { id, slots, netnsInode } of counted) {
    const pod = byId.get(id);
    if (!pod) continue;
    index.byNamespace.set(netnsInode, podReferenceOf(pod));
    // A migration has two devices.
    for (const slot of slots) index.bySlot.set(slot, pod);
  }
  return index;
}
