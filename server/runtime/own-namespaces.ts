import type { EventEmitter } from 'node:events';
import type { Datapath } from '../datapath/datapath.ts';
import type { DatapathEvents } from '../datapath/datapath-events.ts';

export type OwnPodSource = EventEmitter<DatapathEvents> & Pick<Datapath, 'all' | 'get'>;

/** Inodes of the network namespaces of Podlane's own pods, which are no observed pods. */
export class OwnNamespaces {
  readonly #pods: OwnPodSource;
  readonly #inodeOf = new Map<string, number>();
  readonly #inodes = new Set<number>();
  readonly #changed: (inode: number) => void;
  readonly #added = ({ id }: { id: string }): void => {
    const inode = Number(this.#pods.get(id)?.netnsInode ?? 0);
    const before = this.#inodeOf.get(id);
    if (inode === 0 || inode === before) return;
    if (before !== undefined) this.#inodes.delete(before);
    this.#inodeOf.set(id, inode);
    this.#inodes.add(inode);
    this.#changed(inode);
  };
  readonly #removed = (id: string): void => {
    const inode = this.#inodeOf.get(id);
    if (inode === undefined) return;
    this.#inodeOf.delete(id);
    this.#inodes.delete(inode);
    this.#changed(inode);
  };

  /** @param changed called when a namespace became one of these or is none of them any more */
  constructor(pods: OwnPodSource, changed: (inode: number) => void) {
    this.#pods = pods;
    this.#changed = changed;
    for (const { id, netnsInode } of pods.all()) {
      this.#inodeOf.set(id, Number(netnsInode));
      this.#inodes.add(Number(netnsInode));
    }
    pods.on('pod', this.#added).on('pod-removed', this.#removed);
  }

  has(inode: number): boolean {
    return this.#inodes.has(inode);
  }

  close(): void {
    this.#pods.off('pod', this.#added).off('pod-removed', this.#removed);
  }
}
