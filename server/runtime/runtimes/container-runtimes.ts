import type { Runtime } from '../../../contract/observed-pod.ts';
import { createCniCacheClient } from './cni-cache.ts';
import { createCriClient } from './cri.ts';
import { createDockerClient } from './docker.ts';
import { createPodmanClient } from './podman.ts';
import type { RuntimeClient, RuntimePod } from './runtime-pod.ts';
import { RuntimeSource } from './runtime-source.ts';

/** Sockets and folders to look at. A list without elements turns a kind off. */
export interface RuntimePaths {
  cri: readonly string[];
  docker: readonly string[];
  podman: readonly string[];
  cniCache: readonly string[];
}

export const defaultRuntimePaths: RuntimePaths = {
  cri: ['/run/containerd/containerd.sock', '/run/crio/crio.sock', '/run/k3s/containerd/containerd.sock'],
  docker: ['/run/docker.sock'],
  podman: ['/run/podman/podman.sock'],
  cniCache: ['/var/lib/cni/results', '/var/lib/cni/cache/results'],
};

/** A pod as a runtime knows it, with that runtime. */
export interface NamedPod {
  source: RuntimeSource;
  pod: RuntimePod;
}

/** The container runtimes of the node, in the order in which they are believed: CRI, Docker, Podman, the CNI cache. */
export class ContainerRuntimes {
  readonly #sources: readonly RuntimeSource[];

  constructor(paths: RuntimePaths, changed: () => void, failed: (error: unknown) => void) {
    const clients: RuntimeClient[] = [
      ...paths.cri.map(createCriClient),
      ...paths.docker.map(createDockerClient),
      ...paths.podman.map(createPodmanClient),
      ...paths.cniCache.map(createCniCacheClient),
    ];
    this.#sources = clients.map((client) => new RuntimeSource(client, changed, failed));
  }

  start(): void {
    for (const source of this.#sources) source.start();
  }

  /** Asks the runtimes as soon as may be: a namespace appeared that none has named. */
  refresh(): void {
    for (const source of this.#sources) source.refresh();
  }

  /** Returns what each runtime knows of the pod of a namespace, the most trusted first. */
  find(inode: number, containerIds: readonly string[]): NamedPod[] {
    return this.#sources.flatMap((source) => {
      const pod =
        source.findByInode(inode) ??
        containerIds.map((id) => source.findByContainer(id)).find((each) => each !== undefined);
      return pod === undefined || pod.hostNetwork ? [] : { source, pod };
    });
  }

  /** Lists the pods in the node's own network namespace; one that several runtimes know is listed once. */
  hostNetworkPods(): NamedPod[] {
    const seen = new Set<string>();
    const found: NamedPod[] = [];
    for (const source of this.#sources)
      for (const pod of source.pods) {
        if (!pod.hostNetwork || pod.containerIds.some((id) => seen.has(id))) continue;
        for (const id of pod.containerIds) seen.add(id);
        found.push({ source, pod });
      }
    return found;
  }

  describe(): Omit<Runtime, 'pods'>[] {
    return this.#sources.map((source) => source.describe());
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }
}
