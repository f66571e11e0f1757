import { Mutex } from '../../async/mutex.ts';
import { Semaphore } from '../../async/semaphore.ts';
import { TaskScope, type TaskScopeTimer } from '../../async/task-scope.ts';
import { startWorkCost } from '../../async/work-cost.ts';
import { namespaceIdExists } from '../../netlink/link-statistics.ts';
import { type NetworkEvent, type NetworkWatcher, watchNetwork } from '../../netlink/monitor.ts';
import { getNamespaceId } from '../../netlink/namespace-id.ts';
import { NamespaceSearch } from './namespace-search.ts';
import {
  type HostNamespace,
  type NamespaceReading,
  openNamespaceByInode,
  readNamespace,
} from './read-namespace.ts';

/** Time in ms from an event to the reading of what changed: a runtime changes a namespace many times at once. */
const settleMs = 60;
/** Time in ms between two searches that nothing asked for. */
const searchMs = 1000;
/** Shortest and longest pause in ms between two searches; in between, this many times what the last one took. */
const search = { leastMs: 100, mostMs: 700, factor: 50 } as const;
/** How many times longer than a reading the pause is before the same namespace is read again. */
const readFactor = 50;
/** Shortest time in ms between two readings of a namespace in which nothing was found. */
const idleMs = 500;
/** Pause before a namespace whose changes the kernel does not report is read again: at least, and as a factor. */
const slow = { leastMs: 50, factor: 200, againMs: 5000 } as const;
/** Pauses in ms between searches for a namespace that the kernel has an id for and that was not found. */
const unfound = { firstMs: 1000, longestMs: 60_000 } as const;
/** Maximum number of namespaces that are remembered. */
const maxNamespaces = 8192;
/** Namespaces that are read at the same time. */
const concurrent = 8;

export interface TrackerListener {
  /** Tells whether a namespace belongs to one of Podlane's own pods, which are not read. */
  isOwn(inode: number): boolean;
  /** A namespace was read. Readings of one namespace follow one another; so does its end. */
  read(inode: number, reading: NamespaceReading): Promise<void>;
  /** A namespace has ended, or became one of Podlane's own. */
  gone(inode: number): Promise<void>;
  /** A namespace was found that was not known before. */
  found(): void;
  failed(error: unknown): void;
}

interface TrackedNamespace {
  inode: number;
  namespaceId: number | null;
  /** True if the last reading found interfaces that lead out of it. */
  leads: boolean;
  /** Indexes of its host ends. */
  hostEnds: readonly number[];
  readAt: number;
  notBefore: number;
}

/**
 * Follows the network namespaces of the node: finds them by mounts, processes and the ids in the events of the kernel, reads
 * them when something of them changes, and notices their end. No namespace is held open. The work is bounded by what it
 * takes.
 */
export class NamespaceTracker {
  readonly search: NamespaceSearch;
  readonly #host: HostNamespace;
  readonly #nodeNamespaces: ReadonlySet<number>;
  readonly #listener: TrackerListener;
  readonly #scope: TaskScope;
  readonly #tracked = new Map<number, TrackedNamespace>();
  readonly #byId = new Map<number, TrackedNamespace>();
  readonly #byHostEnd = new Map<number, TrackedNamespace>();
  readonly #dirty = new Set<TrackedNamespace>();
  /** Work on each namespace, also on one that has ended while another one got its inode. */
  readonly #work = new Map<number, Mutex>();
  readonly #readers = new Semaphore(concurrent);
  /** Ids in events of namespaces that were not found. */
  readonly #unknownIds = new Set<number>();
  #unfoundPauseMs: number = unfound.firstMs;
  #fullSearchAt = 0;
  #watcher: NetworkWatcher | null = null;
  #searchTimer: TaskScopeTimer | null = null;
  #searchAt = Number.POSITIVE_INFINITY;
  #searchNotBefore = 0;
  #searching = false;
  #searchAgain = false;
  #readTimer: TaskScopeTimer | null = null;

  /** @param nodeNamespaces inodes of the namespaces that are the node's own */
  constructor(host: HostNamespace, nodeNamespaces: ReadonlySet<number>, listener: TrackerListener) {
    this.#host = host;
    this.#nodeNamespaces = nodeNamespaces;
    this.#listener = listener;
    this.search = new NamespaceSearch(nodeNamespaces);
    this.#scope = new TaskScope((error) => listener.failed(error));
  }

  /** Starts to follow, and resolves when what is there now has been read. */
  async start(): Promise<void> {
    this.#watcher = watchNetwork(['links', 'addresses', 'namespaces'], (event) => this.#receive(event), {
      allNamespaces: true,
    });
    this.search.watch(() => this.#searchSoon());
    await this.#search(true);
    await this.#readDirty();
    this.#scope.every(searchMs, () => this.#searchSoon());
    this.#scope.start((signal) => this.#readSlowly(signal));
  }

  /** Reads a namespace again, because something other than the kernel says that it changed. */
  recheck(inode: number): void {
    const tracked = this.#tracked.get(inode);
    if (tracked) this.#readSoon(tracked);
    else this.#searchSoon();
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    this.search.close();
    await this.#scope.close();
  }

  #receive(event: NetworkEvent): void {
    switch (event.type) {
      case 'resync':
        this.#scope.start(() => this.#resync());
        return;
      case 'namespace':
        if (event.nsid !== null) return;
        if (event.deleted) this.#endOfId(event.id);
        else if (!this.#byId.has(event.id)) this.#unknownId(event.id);
        return;
      case 'address':
        if (event.nsid !== null) this.#changedIn(event.nsid);
        return;
      case 'link': {
        if (event.nsid !== null) {
          this.#changedIn(event.nsid);
          return;
        }
        const { ifindex, peerNamespaceId, movedToNamespaceId } = event.link;
        const owner = this.#byHostEnd.get(ifindex);
        if (owner) this.#readSoon(owner);
        const id = movedToNamespaceId ?? peerNamespaceId;
        if (id !== null && id >= 0) this.#changedIn(id);
        else if (!owner) this.#readIdle();
        return;
      }
      default:
        return;
    }
  }

  #changedIn(id: number): void {
    const tracked = this.#byId.get(id);
    if (!tracked) this.#unknownId(id);
    else if (!this.#listener.isOwn(tracked.inode)) this.#readSoon(tracked);
  }

  /** A namespace has an id in the node's that none of the known ones is known by. */
  #unknownId(id: number): void {
    if (!this.#unknownIds.has(id)) {
      this.#unknownIds.add(id);
      this.#unfoundPauseMs = unfound.firstMs;
      this.#fullSearchAt = 0;
    }
    this.#readIdle();
    this.#searchSoon();
  }

  /** Reads namespaces again in which nothing was found: an interface without another end on the node may have come. */
  #readIdle(): void {
    for (const tracked of this.#tracked.values())
      if (!tracked.leads && tracked.namespaceId === null && !this.#listener.isOwn(tracked.inode))
        this.#readSoon(tracked);
  }

  #endOfId(id: number): void {
    this.#unknownIds.delete(id);
    const tracked = this.#byId.get(id);
    if (tracked) this.#forget(tracked);
  }

  #forget(tracked: TrackedNamespace): void {
    if (this.#tracked.get(tracked.inode) !== tracked) return;
    this.#tracked.delete(tracked.inode);
    this.#dirty.delete(tracked);
    if (tracked.namespaceId !== null && this.#byId.get(tracked.namespaceId) === tracked)
      this.#byId.delete(tracked.namespaceId);
    for (const ifindex of tracked.hostEnds)
      if (this.#byHostEnd.get(ifindex) === tracked) this.#byHostEnd.delete(ifindex);
    this.#scope.start(() => this.#exclusively(tracked.inode, () => this.#listener.gone(tracked.inode)));
  }

  async #resync(): Promise<void> {
    for (const tracked of [...this.#tracked.values()]) {
      if (tracked.namespaceId !== null && !(await namespaceIdExists(this.#host.socket, tracked.namespaceId)))
        this.#forget(tracked);
      else this.#readSoon(tracked);
    }
    this.#fullSearchAt = 0;
    this.#searchSoon();
  }

  /** Searches once the events that belong together have come, and not more often than it may cost. */
  #searchSoon(): void {
    if (this.#searching) {
      this.#searchAgain = true;
      return;
    }
    const at = Math.max(performance.now() + settleMs / 3, this.#searchNotBefore);
    if (this.#searchTimer !== null && at >= this.#searchAt) return;
    this.#searchTimer?.cancel();
    this.#searchAt = at;
    this.#searchTimer = this.#scope.after(Math.max(0, at - performance.now()), () => {
      this.#searchTimer = null;
      this.#searchAt = Number.POSITIVE_INFINITY;
      return this.#search(false);
    });
  }

  async #search(first: boolean): Promise<void> {
    const cost = startWorkCost();
    const full = first || (this.#unknownIds.size > 0 && performance.now() >= this.#fullSearchAt);
    this.#searching = true;
    this.#searchAgain = false;
    try {
      await this.search.search(full);
    } finally {
      this.#searching = false;
    }
    let isNew = false;
    const found = this.search.namespaces();
    for (const inode of found) {
      if (this.#nodeNamespaces.has(inode) || this.#tracked.has(inode)) continue;
      if (this.#tracked.size >= maxNamespaces) break;
      isNew = true;
      const tracked: TrackedNamespace = {
        inode,
        namespaceId: null,
        leads: false,
        hostEnds: [],
        readAt: 0,
        notBefore: 0,
      };
      this.#tracked.set(inode, tracked);
      this.#dirty.add(tracked);
    }
    // The end of a namespace without an id is not reported.
    for (const tracked of this.#tracked.values())
      if (tracked.namespaceId === null && !found.has(tracked.inode)) this.#dirty.add(tracked);
    const costMs = cost();
    this.#searchNotBefore =
      performance.now() + Math.min(search.mostMs, Math.max(search.leastMs, search.factor * costMs));
    if (full && !first) {
      this.#fullSearchAt = performance.now() + Math.max(this.#unfoundPauseMs, search.factor * costMs);
      this.#unfoundPauseMs = Math.min(unfound.longestMs, this.#unfoundPauseMs * 2);
    }
    if (this.#searchAgain) this.#searchSoon();
    if (first) return;
    if (isNew) this.#listener.found();
    if (this.#dirty.size > 0) this.#scheduleReads(0);
  }

  #readSoon(tracked: TrackedNamespace): void {
    if (this.#dirty.has(tracked)) return;
    this.#dirty.add(tracked);
    this.#scheduleReads(settleMs);
  }

  #scheduleReads(ms: number): void {
    this.#readTimer ??= this.#scope.after(ms, () => {
      this.#readTimer = null;
      return this.#readDirty();
    });
  }

  async #readDirty(): Promise<void> {
    const now = performance.now();
    const due = [...this.#dirty].filter(({ notBefore }) => notBefore <= now);
    for (const tracked of due) this.#dirty.delete(tracked);
    await Promise.all(due.map((tracked) => this.#readers.run(() => this.#read(tracked))));
    if (this.#dirty.size > 0) this.#scheduleReads(settleMs);
  }

  #read(tracked: TrackedNamespace): Promise<void> {
    return this.#exclusively(tracked.inode, async () => {
      if (this.#tracked.get(tracked.inode) !== tracked || this.#scope.closed) return;
      const cost = startWorkCost();
      try {
        await this.#readOnce(tracked);
      } catch (error) {
        this.#listener.failed(error);
      }
      const costMs = cost();
      tracked.readAt = performance.now();
      tracked.notBefore = tracked.readAt + Math.max(tracked.leads ? 0 : idleMs, readFactor * costMs);
    });
  }

  async #exclusively(inode: number, work: () => Promise<void>): Promise<void> {
    const mutex = this.#work.get(inode) ?? new Mutex();
    this.#work.set(inode, mutex);
    await mutex.run(work);
    if (!mutex.locked) this.#work.delete(inode);
  }

  async #readOnce(tracked: TrackedNamespace): Promise<void> {
    const isOwn = this.#listener.isOwn(tracked.inode);
    if (isOwn && tracked.namespaceId !== null) return this.#listener.gone(tracked.inode);
    const namespace = openNamespaceByInode(tracked.inode, this.search.pathsOf(tracked.inode));
    if (namespace === null) {
      // One that is only held by a socket or descriptor lives on; the kernel reports its end by its id.
      if (tracked.namespaceId === null && !this.search.isReachable(tracked.inode)) this.#forget(tracked);
      return;
    }
    let reading: NamespaceReading;
    try {
      // The id of a pod of Podlane's own is remembered, by which its events are known.
      reading = isOwn
        ? { namespaceId: await getNamespaceId(this.#host.socket, namespace.fd), interfaces: [] }
        : await readNamespace(this.#host, namespace);
    } finally {
      namespace.close();
    }
    this.#remember(tracked, reading);
    await (isOwn ? this.#listener.gone(tracked.inode) : this.#listener.read(tracked.inode, reading));
  }

  #remember(tracked: TrackedNamespace, { namespaceId, interfaces }: NamespaceReading): void {
    if (tracked.namespaceId !== namespaceId) {
      if (tracked.namespaceId !== null && this.#byId.get(tracked.namespaceId) === tracked)
        this.#byId.delete(tracked.namespaceId);
      tracked.namespaceId = namespaceId;
      if (namespaceId !== null) this.#byId.set(namespaceId, tracked);
    }
    if (namespaceId !== null) this.#unknownIds.delete(namespaceId);
    tracked.leads = interfaces.length > 0;
    for (const ifindex of tracked.hostEnds)
      if (this.#byHostEnd.get(ifindex) === tracked) this.#byHostEnd.delete(ifindex);
    tracked.hostEnds = interfaces.flatMap(({ hostEnd }) => (hostEnd ? [hostEnd.ifindex] : []));
    for (const ifindex of tracked.hostEnds) this.#byHostEnd.set(ifindex, tracked);
  }

  /** Reads namespaces without an id, whose changes the kernel does not report, one after the other with long pauses. */
  async #readSlowly(signal: AbortSignal): Promise<void> {
    let pauseMs: number = slow.leastMs;
    while (!signal.aborted) {
      await this.#pause(pauseMs, signal);
      const oldest = this.#findOldest();
      if (oldest === null) {
        pauseMs = searchMs;
        continue;
      }
      const cost = startWorkCost();
      await this.#read(oldest);
      pauseMs = Math.max(slow.leastMs, slow.factor * cost());
    }
  }

  #findOldest(): TrackedNamespace | null {
    const before = performance.now() - slow.againMs;
    let oldest: TrackedNamespace | null = null;
    for (const tracked of this.#tracked.values())
      if (tracked.namespaceId === null && tracked.readAt < (oldest?.readAt ?? before)) oldest = tracked;
    return oldest;
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      timer.unref();
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }
}
