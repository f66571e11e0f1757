import type { RulePeer } from '../../../contract/rule-set.ts';
import { matchesPodPeer, type SelectablePod } from '../spec/pod-matching.ts';

/** Compilations after which what a peer term selects is forgotten, unless one of them has used it. */
const keptCompilations = 16;

/** Pods of other nodes that a peer term selects. */
interface TermMatches {
  peer: RulePeer | null;
  pods: Map<string, SelectablePod>;
  /** Number of the last compilation that used it. */
  used: number;
}

/**
 * Pods of other nodes, the peers that rules can select besides the node's own pods. What a term selects is kept and follows
 * each change, so that a compilation does not go through all pods of a cluster.
 */
export class PeerIndex {
  readonly #pods = new Map<string, SelectablePod>();
  readonly #byNamespace = new Map<string, Map<string, SelectablePod>>();
  readonly #byAddress = new Map<string, string>();
  readonly #byName = new Map<string, string>();
  readonly #matches = new Map<string, TermMatches>();
  #compilation = 0;

  get size(): number {
    return this.#pods.size;
  }

  /** Adds or replaces pods, and removes others by id. @returns whether what a known term selects has changed */
  change(put: readonly SelectablePod[], removed: readonly string[]): boolean {
    let affected = false;
    for (const id of removed) {
      affected = this.#rematch(id, null) || affected;
      this.#forget(id);
    }
    for (const pod of put) {
      affected = this.#rematch(pod.id, pod) || affected;
      this.#forget(pod.id);
      this.#pods.set(pod.id, pod);
      this.#byName.set(nameOf(pod), pod.id);
      for (const address of pod.addresses) this.#byAddress.set(plain(address), pod.id);
      const inNamespace = this.#byNamespace.get(pod.namespace) ?? new Map<string, SelectablePod>();
      this.#byNamespace.set(pod.namespace, inNamespace.set(pod.id, pod));
    }
    return affected;
  }

  /** Lists all pods that a known term selects. */
  matched(): SelectablePod[] {
    const found = new Map<string, SelectablePod>();
    for (const { pods } of this.#matches.values()) for (const [id, pod] of pods) found.set(id, pod);
    return [...found.values()];
  }

  /**
   * Begins a compilation for the node's pods.
   * @returns a function that lists the pods that a peer term selects, those of the node first; null selects all pods
   */
  begin(own: readonly SelectablePod[]): (peer: RulePeer | null) => SelectablePod[] {
    this.#compilation += 1;
    for (const [text, { used }] of this.#matches)
      if (this.#compilation - used > keptCompilations) this.#matches.delete(text);
    const replaced = this.#replacedBy(own);
    return (peer) => {
      const found = own.filter((pod) => selects(peer, pod));
      // Asked for even where there are none: then it is known when one comes.
      for (const [id, pod] of this.#matchesOf(peer).pods) if (!replaced.has(id)) found.push(pod);
      return found;
    };
  }

  /** Returns the ids of pods that are the node's own, by name, or by an address that they have taken over. */
  #replacedBy(own: readonly SelectablePod[]): Set<string | undefined> {
    return new Set(
      own.flatMap((pod) => [
        this.#byName.get(nameOf(pod)),
        ...pod.addresses.map((address) => this.#byAddress.get(plain(address))),
      ]),
    );
  }

  #matchesOf(term: RulePeer | null): TermMatches {
    // The caller takes the addresses that a CIDR has, of all pods.
    const peer = term !== null && 'cidr' in term ? null : term;
    const text = JSON.stringify(peer);
    const known = this.#matches.get(text);
    if (known) {
      known.used = this.#compilation;
      return known;
    }
    const among =
      peer !== null && 'pods' in peer && peer.namespace !== undefined
        ? (this.#byNamespace.get(peer.namespace) ?? new Map<string, SelectablePod>())
        : this.#pods;
    const pods = new Map([...among].filter(([, pod]) => selects(peer, pod)));
    const found = { peer, pods, used: this.#compilation };
    this.#matches.set(text, found);
    return found;
  }

  /** Brings what the known terms select up to date. @param pod null: it is gone */
  #rematch(id: string, pod: SelectablePod | null): boolean {
    const before = this.#pods.get(id);
    const isSame = before !== undefined && pod !== null && ends(before) === ends(pod);
    let affected = false;
    for (const { peer, pods } of this.#matches.values()) {
      const was = pods.has(id);
      const is = pod !== null && selects(peer, pod);
      if (is) pods.set(id, pod);
      else if (was) pods.delete(id);
      if (was !== is || (is && !isSame)) affected = true;
    }
    return affected;
  }

  #forget(id: string): void {
    const pod = this.#pods.get(id);
    if (pod === undefined) return;
    this.#pods.delete(id);
    if (this.#byName.get(nameOf(pod)) === id) this.#byName.delete(nameOf(pod));
    for (const address of pod.addresses)
      if (this.#byAddress.get(plain(address)) === id) this.#byAddress.delete(plain(address));
    const inNamespace = this.#byNamespace.get(pod.namespace);
    inNamespace?.delete(id);
    if (inNamespace?.size === 0) this.#byNamespace.delete(pod.namespace);
  }
}

/** Returns true if a peer term selects a pod; a CIDR may have addresses of any. */
function selects(peer: RulePeer | null, pod: SelectablePod): boolean {
  if (peer === null || 'cidr' in peer) return true;
  return 'pods' in peer && matchesPodPeer(peer, pod);
}

/** Returns what a rule takes of a pod that it selects. */
const ends = ({ addresses, ports = [] }: SelectablePod): string => JSON.stringify([addresses, ports]);

const nameOf = ({ namespace, name }: SelectablePod): string => `${namespace}/${name}`;

const plain = (address: string): string => address.replace(/\/.*/, '');
