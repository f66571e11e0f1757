import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { ClusterResource, ClusterWatch } from '../../contract/kubernetes.ts';
import { TaskScope } from '../async/task-scope.ts';
import { hasStatus, isExpired, KubernetesApiError } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { KubernetesApi, WatchEvent } from './kubernetes-api.ts';

/** Number of objects of one page of a list. */
const pageSize = 250;
/**
 * Time in ms without anything of a watch after which it counts as lost. The API server sends a bookmark about once a
 * minute.
 */
const idleMs = 90_000;
/** Time in s after which the API server is to end a watch, to which a random part is added. */
const watchSeconds = 300;
/** Time in ms that a watch has to last for its end to be an ordinary one. */
const shortWatchMs = 1000;
/** First and longest pause between attempts, in ms. */
const pauses = { first: 250, longest: 30_000 } as const;
/** Maximum number of objects that are kept of a resource. */
const maxObjects = 250_000;

/** An object of the API as far as all have the same fields. */
export interface ApiObject {
  metadata: {
    namespace?: string;
    name: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
}

interface ApiList {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: ApiObject[] | null;
}

/** A kind of objects, and what is kept of each. */
export interface WatchedResource<T> {
  resource: ClusterResource;
  /** Paths of the lists of all of them, in the order in which they are tried: older servers have older versions. */
  paths: readonly string[];
  fieldSelector?: string;
  /**
   * Returns what is kept of an object; null if nothing is.
   * @param before what was kept of it
   */
  project(object: ApiObject, before: T | undefined): T | null;
}

/** An object that was added, changed or removed. */
export interface ReflectedChange<T> {
  key: string;
  before: T | undefined;
  after: T | undefined;
}

export interface ReflectorOptions<T> {
  api: KubernetesApi;
  watched: WatchedResource<T>;
  log: Logger;
  /** Called for each object that changed. */
  changed(change: ReflectedChange<T>): void;
  /** Called after the state of the watch changed. */
  stateChanged(): void;
}

/**
 * Keeps a copy of one kind of objects of the cluster: lists all of them, then watches for changes, and begins again after each
 * loss. What was read stays until it is read again: a server that is away, or a version that has expired, removes nothing.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #scope: TaskScope;
  readonly #items = new Map<string, T>();
  readonly #backoff = new Backoff(pauses.first, pauses.longest);
  #state: ClusterWatch['state'] = 'starting';
  #path = 0;
  /** Resource version to watch from; null: everything has to be listed. */
  #version: string | null = null;
  #lastSync: Date | null = null;
  #lastEvent: Date | null = null;
  #restarts = 0;
  #error: string | null = null;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    const { resource } = options.watched;
    this.#scope = new TaskScope((err) => options.log.error({ err, resource }, 'kubernetes watch'));
  }

  start(): void {
    this.#scope.start((signal) => this.#follow(signal));
  }

  /** What is kept of the objects, by `namespace/name` or name. */
  get items(): ReadonlyMap<string, T> {
    return this.#items;
  }

  /** True once all objects have been read. */
  get synced(): boolean {
    return this.#lastSync !== null;
  }

  status(): ClusterWatch {
    return {
      resource: this.#options.watched.resource,
      state: this.#state,
      objects: this.#items.size,
      lastSync: this.#lastSync?.toISOString() ?? null,
      lastEvent: this.#lastEvent?.toISOString() ?? null,
      restarts: this.#restarts,
      error: this.#error,
    };
  }

  /** Ends the watch and waits for it. */
  close(): Promise<void> {
    return this.#scope.close();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      let pause = 0;
      try {
        if (this.#version === null) await this.#list(signal);
        await this.#watch(signal);
        // The server ends each watch after a while. One that ends at once would be asked for without a pause.
        if (performance.now() - began < shortWatchMs) pause = this.#backoff.next();
      } catch (error) {
        if (signal.aborted) return;
        pause = this.#noteFailure(error);
      }
      if (pause > 0) await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns the pause before the next attempt in ms */
  #noteFailure(error: unknown): number {
    const { log, watched } = this.#options;
    if (isExpired(error)) {
      this.#version = null;
      this.#restarts += 1;
      return this.#backoff.next();
    }
    if (hasStatus(error, 404) && watched.paths.length > 1) {
      this.#path = (this.#path + 1) % watched.paths.length;
      this.#version = null;
      if (this.#path !== 0) return 0;
    }
    const message = error instanceof Error ? error.message : String(error);
    if (this.#error !== message) log.warn({ resource: watched.resource, message }, 'kubernetes watch lost');
    this.#restarts += 1;
    this.#setState(this.synced ? 'stale' : 'starting', message);
    const asked = error instanceof KubernetesApiError ? (error.retryAfterMs ?? 0) : 0;
    return Math.min(Math.max(asked, this.#backoff.next()), 2 * pauses.longest);
  }

  #setState(state: ClusterWatch['state'], error: string | null): void {
    if (this.#state === state && this.#error === error) return;
    this.#state = state;
    this.#error = error;
    this.#options.stateChanged();
  }

  /** Reads all objects, page by page, and replaces what was kept once the last page is there. */
  async #list(signal: AbortSignal): Promise<void> {
    const { api, watched } = this.#options;
    const found = new Map<string, T>();
    let next: string | undefined;
    let version = '';
    do {
      const list = await api.request<ApiList>({
        path: this.#query({ limit: String(pageSize), ...(next === undefined ? {} : { continue: next }) }),
        operation: `list ${watched.resource}`,
        signal,
      });
      for (const object of list.items ?? []) {
        const key = keyOf(object);
        const kept = watched.project(object, this.#items.get(key));
        if (kept !== null) found.set(key, kept);
        if (found.size > maxObjects) throw tooManyObjects(watched.resource);
      }
      version = list.metadata?.resourceVersion ?? '';
      next = list.metadata?.continue || undefined;
    } while (next !== undefined);
    for (const key of [...this.#items.keys()]) if (!found.has(key)) this.#put(key, null);
    for (const [key, kept] of found) this.#put(key, kept);
    this.#version = version;
    this.#lastSync = new Date();
    this.#lastEvent = this.#lastSync;
    this.#setState('live', null);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api, watched } = this.#options;
    const seconds = Math.round(watchSeconds * (1 + Math.random()));
    const path = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version ?? '',
      timeoutSeconds: String(seconds),
    });
    const isAlive = (): void => {
      this.#lastEvent = new Date();
      this.#setState('live', null);
    };
    await api.watch(
      { path, operation: `watch ${watched.resource}`, signal },
      {
        idleMs,
        onOpen: isAlive,
        onEvent: (event) => {
          this.#apply(event);
          isAlive();
          this.#backoff.reset();
        },
      },
    );
  }

  #query(query: Record<string, string>): string {
    const { paths, fieldSelector } = this.#options.watched;
    const all = new URLSearchParams({ ...query, ...(fieldSelector === undefined ? {} : { fieldSelector }) });
    return `${paths[this.#path]}?${all}`;
  }

  #apply({ type, object }: WatchEvent): void {
    const { watched } = this.#options;
    if (type === 'ERROR') {
      const { code = 500, message = 'the watch failed' } = object as { code?: number; message?: string };
      throw new KubernetesApiError(`watch ${watched.resource}`, message, { status: code });
    }
    const { metadata } = object as ApiObject;
    this.#version = metadata.resourceVersion ?? this.#version;
    if (type === 'BOOKMARK') return;
    const key = keyOf(object as ApiObject);
    const before = this.#items.get(key);
    const after = type === 'DELETED' ? null : watched.project(object as ApiObject, before);
    if (after !== null && before === undefined && this.#items.size >= maxObjects)
      throw tooManyObjects(watched.resource);
    this.#put(key, after);
  }

  #put(key: string, kept: T | null): void {
    const before = this.#items.get(key);
    const after = kept ?? undefined;
    if (before === undefined && after === undefined) return;
    // Most changes of a pod concern nothing that is kept of it.
    if (before !== undefined && after !== undefined && isDeepStrictEqual(before, after)) return;
    if (after === undefined) this.#items.delete(key);
    else this.#items.set(key, after);
    this.#options.changed({ key, before, after });
  }
}

const keyOf = ({ metadata: { namespace, name } }: ApiObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

const tooManyObjects = (resource: string): KubernetesApiError =>
  new KubernetesApiError(`watch ${resource}`, `the cluster has more than ${maxObjects} of them`);
