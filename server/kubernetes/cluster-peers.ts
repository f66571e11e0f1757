import type { Labels } from '../acl/cluster/cluster-rules.ts';
import type { SelectablePod } from '../acl/spec/pod-matching.ts';
import type { ClusterPod } from './cluster-objects.ts';

/**
 * Pods of the cluster as peers of rules, as changes since they were handed on last. Pods that are gone for good, or have the
 * addresses of their node, are none.
 */
export class ClusterPeers {
  /** Pods that were handed on, by uid. */
  readonly #known = new Map<string, SelectablePod>();
  readonly #put = new Map<string, SelectablePod>();
  readonly #removed = new Set<string>();

  /** Creates the peers. @param known pods that were handed on when the agent ran last */
  constructor(known: readonly SelectablePod[]) {
    for (const pod of known) this.#known.set(pod.id, pod);
  }

  /** Notes a pod that was added, changed or removed. @param isOwn true if Podlane has attached it, and knows it better */
  change(
    before: ClusterPod | undefined,
    after: ClusterPod | undefined,
    namespaceLabels: Labels | undefined,
    isOwn: boolean,
  ): void {
    if (before !== undefined && before.uid !== after?.uid) this.#remove(before.uid);
    if (after === undefined) return;
    if (isOwn || after.hostNetwork || after.ended || after.addresses.length === 0) {
      this.#remove(after.uid);
      return;
    }
    const { uid, namespace, name, labels, addresses, ports } = after;
    this.#set({
      id: uid,
      namespace,
      name,
      labels,
      addresses,
      ports,
      ...(namespaceLabels === undefined ? {} : { namespaceLabels }),
    });
  }

  /** Notes that the labels of namespaces have changed. @param labelsOf returns them by the name of the namespace */
  changeNamespaces(names: ReadonlySet<string>, labelsOf: (namespace: string) => Labels | undefined): void {
    for (const pod of this.#known.values()) {
      if (!names.has(pod.namespace)) continue;
      const { namespaceLabels: _, ...others } = pod;
      const labels = labelsOf(pod.namespace);
      this.#set(labels === undefined ? others : { ...others, namespaceLabels: labels });
    }
  }

  /** Keeps only the pods of the given ids. */
  retain(uids: ReadonlySet<string>): void {
    for (const uid of [...this.#known.keys()]) if (!uids.has(uid)) this.#remove(uid);
  }

  /** Returns the changes since the last call; undefined without any. */
  take(): { put: SelectablePod[]; removed: string[] } | undefined {
    if (this.#put.size === 0 && this.#removed.size === 0) return undefined;
    const changes = { put: [...this.#put.values()], removed: [...this.#removed] };
    this.#put.clear();
    this.#removed.clear();
    return changes;
  }

  #set(pod: SelectablePod): void {
    this.#known.set(pod.id, pod);
    this.#put.set(pod.id, pod);
    this.#removed.delete(pod.id);
  }

  #remove(uid: string): void {
    if (!this.#known.delete(uid)) return;
    this.#put.delete(uid);
    this.#removed.add(uid);
  }
}
