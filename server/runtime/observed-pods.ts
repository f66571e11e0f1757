import { EventEmitter } from 'node:events';
import { statSync } from 'node:fs';
import type { Logger } from 'pino';
import type { ObservedPodSummary, ObserveMode, Runtime } from '../../contract/observed-pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import { TaskScope } from '../async/task-scope.ts';
import { computeSlotFromIfindex } from '../bpf/datapath-structs.ts';
import { type ObservedCounters, ObservePrograms, zeroObservedCounters } from '../bpf/observe-program.ts';
import type { KernelDropCounters } from '../counters/kernel-drop-counters.ts';
import type { CounterSample } from '../counters/sample.ts';
import { readCommand, readControlGroup } from '../kernel/control-groups.ts';
import { type NetworkNamespace, openCurrentNamespace } from '../kernel/netns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { BypassDetector } from './counting/bypass-detector.ts';
import { HostEndPrograms, removeObservePrograms } from './counting/host-end-programs.ts';
import { InterfaceCounters } from './counting/interface-counting.ts';
import { countersOfPodEnd, StatisticsReader } from './counting/read-counters.ts';
import { toCounterSample } from './counting/sample.ts';
import { NamespaceTracker } from './discovery/namespace-tracker.ts';
import { type NamespaceReading, openNamespaceByInode } from './discovery/read-namespace.ts';
import { identifyPod, listContainerIds, type NamespaceEvidence, type PodIdentity } from './identity.ts';
import {
  addObservedCounters,
  firstObservedNumber,
  type ObservedInterface,
  type ObservedPod,
  observedPodId,
  subtractObservedCounters,
} from './observed-pod.ts';
import { OwnNamespaces, type OwnPodSource } from './own-namespaces.ts';
import { ContainerRuntimes, type NamedPod, type RuntimePaths } from './runtimes/container-runtimes.ts';
import { hostNetworkPodId, summarizeHostNetworkPod, summarizeObservedPod } from './summarize-pod.ts';

/** Time in ms between two looks at what no event tells: processes that a pod has got, runtimes that name it late. */
const tickMs = 1000;
/** Time in ms between two looks whether the programs are where they were attached; the kernel announces no change. */
const verifyMs = 30_000;
/** Time in ms between two comparisons of what pods receive with what was counted at their host ends. */
const compareMs = 10_000;
/** Time in ms for which changes of a pod are collected before they are published. */
const publishMs = 200;
/** Age in ms up to which runtimes are asked for a pod that they do not know: they register it when it is ready. */
const youngMs = 20_000;
/** Processes of a pod whose control groups are read. */
const maxGroups = 8;

export interface ObservedPodEvents {
  pod: [ObservedPodSummary];
  'pod-removed': [id: string];
  /** Emitted once a second with the counters of all observed pods. */
  sample: [CounterSample];
}

export interface ObservedPodsOptions {
  mode: ObserveMode;
  /** Directory of the agent's pins. */
  pins: string;
  /** Hooks that the kernel has for programs at host ends; null without any. */
  hooks: 'tcx' | 'tc' | null;
  runtimes: RuntimePaths;
  /** Podlane's own pods, whose namespaces are left out. */
  own: OwnPodSource;
  drops: Pick<KernelDropCounters, 'track' | 'untrack'>;
  log: Logger;
}

/** What identifies a pod beside its runtimes, as it was read last. */
interface Evidence extends NamespaceEvidence {
  /** Processes when it was read: others may have other control groups. */
  processKey: string;
}

/**
 * The pods of the node that others made: found by themselves, named by their runtimes, counted, and never changed. Other
 * capabilities find them here by id, with their namespace, interfaces, host ends and identity.
 */
export class ObservedPods extends EventEmitter<ObservedPodEvents> {
  readonly mode: ObserveMode;
  /** Last sample of all observed pods; null until there is one. */
  latest: CounterSample | null = null;
  readonly #log: Logger;
  readonly #drops: ObservedPodsOptions['drops'];
  readonly #host: { socket: NetlinkSocket; fd: number };
  readonly #hostNamespace: NetworkNamespace;
  readonly #programs: ObservePrograms | null;
  readonly #counters: InterfaceCounters;
  readonly #statistics: StatisticsReader;
  readonly #bypasses: BypassDetector;
  readonly #tracker: NamespaceTracker;
  readonly #runtimes: ContainerRuntimes;
  readonly #own: OwnNamespaces;
  readonly #scope: TaskScope;
  readonly #pods = new Map<number, ObservedPod>();
  readonly #evidence = new Map<number, Evidence>();
  readonly #hostPods = new Map<string, { number: number; inode: number; since: Date }>();
  readonly #unpublished = new Set<string>();
  readonly #published = new Map<string, string>();
  #publishing = false;
  #nextNumber = firstObservedNumber;
  #sampling = false;

  private constructor(
    options: ObservedPodsOptions,
    host: { socket: NetlinkSocket; namespace: NetworkNamespace },
    programs: ObservePrograms | null,
    whyNone: string | null,
  ) {
    super();
    const { mode, log, own, drops, hooks } = options;
    this.mode = mode;
    this.#log = log;
    this.#drops = drops;
    this.#hostNamespace = host.namespace;
    this.#host = { socket: host.socket, fd: host.namespace.fd };
    this.#programs = programs;
    const failed = (err: unknown): void => log.warn({ err }, 'observed pods');
    this.#scope = new TaskScope(failed);
    this.#counters = new InterfaceCounters(
      programs && hooks && new HostEndPrograms(programs, host.socket, hooks),
      whyNone,
      failed,
    );
    this.#statistics = new StatisticsReader(host.socket);
    this.#bypasses = new BypassDetector(host.socket, programs);
    this.#own = new OwnNamespaces(own, (inode) => this.#tracker.recheck(inode));
    this.#runtimes = new ContainerRuntimes(options.runtimes, () => this.#identifyAll(), failed);
    this.#tracker = new NamespaceTracker(this.#host, listNodeNamespaces(Number(host.namespace.inode)), {
      isOwn: (inode) => this.#own.has(inode),
      read: (inode, reading) => this.#update(inode, reading),
      gone: (inode) => this.#remove(inode),
      found: () => this.#runtimes.refresh(),
      failed,
    });
  }

  /**
   * Opens the capability and reads what is there. With mode `off` nothing is looked for. What an earlier agent attached and
   * is not wanted any more is removed.
   */
  static async open(options: ObservedPodsOptions): Promise<ObservedPods> {
    const host = { socket: NetlinkSocket.open(), namespace: openCurrentNamespace() };
    let opened: { programs: ObservePrograms | null; whyNone: string | null };
    try {
      opened = await openPrograms(options, host.socket);
    } catch (error) {
      host.socket.close();
      host.namespace.close();
      throw error;
    }
    const { programs, whyNone } = opened;
    const observed = new ObservedPods(options, host, programs, whyNone);
    try {
      if (options.mode !== 'off') await observed.#start();
      return observed;
    } catch (error) {
      await observed.close();
      throw error;
    }
  }

  /** Ids of the programs that count. */
  programIds(): readonly number[] {
    return this.#programs?.programIds ?? [];
  }

  summaries(): ObservedPodSummary[] {
    return [...this.list().map(summarizeObservedPod), ...this.#summarizeHostPods()];
  }

  /** Lists the pods that have a network namespace of their own. */
  list(): ObservedPod[] {
    return [...this.#pods.values()];
  }

  /** Finds the summary of a pod by id, also of a host-network pod. @throws ProblemError `observed_pod_not_found` */
  summary(id: string): ObservedPodSummary {
    const pod = this.#find(id);
    if (pod) return summarizeObservedPod(pod);
    const host = this.#summarizeHostPods().find((each) => each.id === id);
    if (host) return host;
    throw notFound(id);
  }

  /**
   * Finds a pod with a network namespace of its own by id. The object changes as the kernel tells; it is no more in `list`
   * once the namespace has ended. @throws ProblemError `observed_pod_not_found`
   */
  require(id: string): ObservedPod {
    const pod = this.#find(id);
    if (pod === null) throw notFound(id);
    return pod;
  }

  /** Returns the paths at which the namespace of a pod is mounted, and where it can be opened now. */
  pathsOf({ inode }: ObservedPod): { mounts: readonly string[]; path: string | null } {
    const { search } = this.#tracker;
    const namespace = this.#open(inode);
    if (namespace === null) return { mounts: search.mountsOf(inode), path: null };
    namespace.close();
    return { mounts: search.mountsOf(inode), path: search.pathsOf(inode)[0] ?? null };
  }

  /** Opens the network namespace of a pod; null if it is not mounted and has no process. */
  tryOpenNamespace({ inode }: ObservedPod): NetworkNamespace | null {
    return this.#open(inode);
  }

  /**
   * Opens the network namespace of a pod. Close it soon: an open namespace stays alive, and its devices with it.
   * @throws ProblemError `pod_gone`
   */
  openNamespace(pod: ObservedPod): NetworkNamespace {
    const namespace = this.tryOpenNamespace(pod);
    if (namespace === null)
      throw new ProblemError(
        'pod_gone',
        `open the network namespace of ${pod.id}: it is not mounted, and has no process`,
        {
          hint: 'It has ended, or is held by a descriptor only.',
        },
      );
    return namespace;
  }

  /** Leaves a namespace that has become one of Podlane's own pods, now rather than when its events have come. */
  leave(inode: number): Promise<void> {
    return this.#own.has(inode) ? this.#remove(inode) : Promise.resolve();
  }

  /** Returns the processes of a pod's namespace, and their control groups. */
  processesOf({ inode }: ObservedPod): { pids: readonly number[]; controlGroups: readonly string[] } {
    return {
      pids: this.#tracker.search.processesIn(inode),
      controlGroups: this.#evidence.get(inode)?.controlGroups ?? [],
    };
  }

  /** Returns what runtimes know of a pod, the most trusted first. */
  knownBy(pod: ObservedPod): NamedPod[] {
    const groups = this.#evidence.get(pod.inode)?.controlGroups ?? [];
    return this.#runtimes.find(pod.inode, listContainerIds(groups));
  }

  /** Finds a host-network pod with its runtime. */
  hostNetworkPod(id: string): NamedPod | null {
    return this.#runtimes.hostNetworkPods().find(({ pod }) => hostNetworkPodId(pod.id) === id) ?? null;
  }

  /** Reads when a program was attached to a host end. */
  countedSince(ifindex: number): Date | null {
    return this.#programs?.attachedSince(ifindex) ?? null;
  }

  runtimes(): Runtime[] {
    const summaries = this.summaries();
    return this.#runtimes.describe().map((runtime) => ({
      ...runtime,
      pods: summaries.filter(
        (pod) =>
          pod.identifiedBy === runtime.kind &&
          (runtime.kind === 'cni' || pod.runtime?.socket === runtime.path),
      ).length,
    }));
  }

  /** Reads the counters of all pods, with the time of a sample of Podlane's own pods. */
  async sample(time: Pick<CounterSample, 'sequence' | 'realtimeNs' | 'monotonicNs'>): Promise<void> {
    if (this.#sampling || this.mode === 'off') return;
    this.#sampling = true;
    try {
      this.#readProgramCounters();
      await this.#statistics.read(this.#pods.values());
      this.latest = toCounterSample(this.list(), time);
      this.emit('sample', this.latest);
    } finally {
      this.#sampling = false;
    }
  }

  /** Ends the observation. Programs go on counting, for the next agent. */
  async close(): Promise<void> {
    this.#own.close();
    await this.#tracker.close();
    await this.#runtimes.close();
    await this.#scope.close();
    this.#programs?.close();
    this.#host.socket.close();
    this.#hostNamespace.close();
  }

  async #start(): Promise<void> {
    this.#runtimes.start();
    await this.#tracker.start();
    const hostEnds = this.list().flatMap(({ interfaces }) =>
      interfaces.flatMap(({ hostEnd }) => (hostEnd ? [hostEnd.ifindex] : [])),
    );
    await this.#counters.stopOthers(new Set(hostEnds));
    this.#scope.every(tickMs, () => this.#tick());
    this.#scope.every(verifyMs, () => this.#verifyPrograms());
    this.#scope.every(compareMs, () => this.#findBypasses());
    this.#log.info({ pods: this.#pods.size, mode: this.mode }, 'pods of others are observed');
  }

  #find(id: string): ObservedPod | null {
    const inode = /^ns-(\d{1,10})$/.exec(id)?.[1];
    return inode === undefined ? null : (this.#pods.get(Number(inode)) ?? null);
  }

  #open(inode: number): NetworkNamespace | null {
    return openNamespaceByInode(inode, this.#tracker.search.pathsOf(inode));
  }

  async #update(inode: number, { namespaceId, interfaces: read }: NamespaceReading): Promise<void> {
    // Devices of Podlane's own are not there before their pod is: while it is attached.
    const found = read.filter(
      ({ hostEnd }) => hostEnd === null || computeSlotFromIfindex(hostEnd.ifindex) === null,
    );
    if (found.length === 0) return this.#remove(inode);
    const pod = this.#pods.get(inode);
    const before = pod?.interfaces ?? [];
    const interfaces: ObservedInterface[] = [];
    for (const each of found) {
      const known = before.find((other) => isSameInterface(other, each));
      const counting =
        known?.counting.by === 'statistics' ? known.counting : await this.#counters.start(each);
      // Of a namespace without an id, the statistics that the reading brought are all there are.
      const read = namespaceId === null && counting.by === 'statistics' ? countersOfPodEnd(each.link) : null;
      interfaces.push({ ...each, counting, counters: read ?? known?.counters ?? null });
    }
    for (const old of before)
      if (!found.some((each) => isSameInterface(old, each))) await this.#stop(old, pod);
    if (pod) {
      pod.interfaces = interfaces;
      pod.namespaceId = namespaceId;
      this.#readEvidence(pod);
      this.#publish(pod.id);
      return;
    }
    const added: ObservedPod = {
      id: observedPodId(inode),
      inode,
      number: this.#nextNumber++,
      namespaceId,
      interfaces,
      identity: unknownIdentity,
      processes: 0,
      since: new Date(),
      carried: zeroObservedCounters,
    };
    this.#pods.set(inode, added);
    this.#drops.track({ number: added.number, netnsInode: BigInt(inode), slots: [] });
    this.#readEvidence(added);
    this.#publish(added.id);
  }

  async #remove(inode: number): Promise<void> {
    const pod = this.#pods.get(inode);
    if (pod === undefined) return;
    this.#pods.delete(inode);
    this.#evidence.delete(inode);
    this.#drops.untrack(pod.number);
    this.#publish(pod.id);
    for (const each of pod.interfaces) await this.#stop(each, pod);
  }

  async #stop({ hostEnd, counters }: ObservedInterface, pod: ObservedPod | undefined): Promise<void> {
    if (pod && counters) pod.carried = addObservedCounters(pod.carried, counters);
    if (hostEnd) await this.#counters.stop(hostEnd.ifindex);
  }

  /** Reads what identifies a pod, and names it. */
  #readEvidence(pod: ObservedPod): void {
    const { search } = this.#tracker;
    const pids = search.processesIn(pod.inode);
    pod.processes = pids.length;
    const groups = pids.slice(0, maxGroups).flatMap((pid) => readControlGroup(pid) ?? []);
    this.#evidence.set(pod.inode, {
      inode: pod.inode,
      mounts: search.mountsOf(pod.inode),
      controlGroups: [...new Set(groups)],
      command: pids[0] === undefined ? null : readCommand(pids[0]),
      processKey: keyOfProcesses(pids),
    });
    this.#identify(pod);
  }

  #identify(pod: ObservedPod): void {
    const evidence = this.#evidence.get(pod.inode);
    if (evidence) pod.identity = identifyPod(evidence, this.knownBy(pod));
  }

  #identifyAll(): void {
    for (const pod of this.#pods.values()) {
      this.#identify(pod);
      this.#publish(pod.id);
    }
    const present = new Set<string>();
    for (const { pod } of this.#runtimes.hostNetworkPods()) {
      const id = hostNetworkPodId(pod.id);
      present.add(id);
      if (!this.#hostPods.has(id))
        this.#hostPods.set(id, {
          number: this.#nextNumber++,
          inode: Number(this.#hostNamespace.inode),
          since: new Date(),
        });
      this.#publish(id);
    }
    for (const id of this.#hostPods.keys())
      if (!present.has(id)) {
        this.#hostPods.delete(id);
        this.#publish(id);
      }
  }

  #summarizeHostPods(): ObservedPodSummary[] {
    return this.#runtimes.hostNetworkPods().flatMap((named) => {
      const known = this.#hostPods.get(hostNetworkPodId(named.pod.id));
      return known ? summarizeHostNetworkPod(named, known) : [];
    });
  }

  /** Looks at what no event tells. */
  #tick(): void {
    const now = Date.now();
    let unnamed = false;
    for (const pod of this.#pods.values()) {
      const pids = this.#tracker.search.processesIn(pod.inode);
      if (keyOfProcesses(pids) !== this.#evidence.get(pod.inode)?.processKey) {
        this.#readEvidence(pod);
        this.#publish(pod.id);
      }
      const { identifiedBy, containers } = pod.identity;
      const isNamed = identifiedBy === 'docker' || identifiedBy === 'podman';
      if (
        now - pod.since.getTime() < youngMs &&
        !isNamed &&
        (identifiedBy !== 'cri' || containers.length === 0)
      )
        unnamed = true;
    }
    if (unnamed) this.#runtimes.refresh();
  }

  /** Attaches programs again that somebody detached. */
  async #verifyPrograms(): Promise<void> {
    for (const pod of this.list())
      for (const each of pod.interfaces)
        if (each.counting.by === 'programs' && this.#pods.get(pod.inode) === pod) {
          const counting = await this.#counters.start(each);
          const current = this.#pods.get(pod.inode)?.interfaces.find((other) => isSameInterface(other, each));
          if (current) current.counting = counting;
          else if (each.hostEnd) await this.#counters.stop(each.hostEnd.ifindex);
        }
  }

  /** Reads the statistics of the pod's end where others hand packets to it past the host end. */
  async #findBypasses(): Promise<void> {
    this.#readProgramCounters();
    for (const { pod, each, counters } of await this.#bypasses.find(this.list())) {
      if (this.#pods.get(pod.inode) !== pod || !pod.interfaces.includes(each)) continue;
      each.counting = { by: 'statistics', at: 'pod', reason: bypassReason };
      // The pod's totals go on from where they are.
      const before = each.counters ?? zeroObservedCounters;
      pod.carried = addObservedCounters(pod.carried, subtractObservedCounters(before, counters));
      each.counters = counters;
      if (each.hostEnd) await this.#counters.stop(each.hostEnd.ifindex);
      this.#publish(pod.id);
    }
  }

  #readProgramCounters(): void {
    const counted = this.#programs?.read();
    if (counted === undefined) return;
    for (const pod of this.#pods.values())
      for (const each of pod.interfaces) {
        if (each.counting.by !== 'programs' || each.hostEnd === null) continue;
        const counters = counted.get(each.hostEnd.ifindex);
        if (counters === undefined) continue;
        // Somebody detached the program, and it was attached anew.
        if (each.counters && isBefore(counters, each.counters))
          pod.carried = addObservedCounters(pod.carried, each.counters);
        each.counters = counters;
      }
  }

  /** Publishes a pod once its changes have come, if it is not as it was published last. */
  #publish(id: string): void {
    this.#unpublished.add(id);
    if (this.#publishing) return;
    this.#publishing = true;
    this.#scope.after(publishMs, () => {
      this.#publishing = false;
      const hostPods = new Map(this.#summarizeHostPods().map((summary) => [summary.id, summary]));
      for (const each of this.#unpublished) {
        const pod = this.#find(each);
        const summary = pod ? summarizeObservedPod(pod) : hostPods.get(each);
        if (summary === undefined) {
          if (this.#published.delete(each)) this.emit('pod-removed', each);
          continue;
        }
        const text = JSON.stringify(summary);
        if (this.#published.get(each) === text) continue;
        this.#published.set(each, text);
        this.emit('pod', summary);
      }
      this.#unpublished.clear();
    });
  }
}

/** Loads the programs that count; removes what an earlier agent has attached if none are to count. */
async function openPrograms(
  { mode, pins, hooks, log }: ObservedPodsOptions,
  host: NetlinkSocket,
): Promise<{ programs: ObservePrograms | null; whyNone: string | null }> {
  if (mode !== 'programs') {
    await removeObservePrograms(pins, host);
    return { programs: null, whyNone: null };
  }
  if (hooks === null) return { programs: null, whyNone: 'the kernel has neither tcx nor clsact' };
  try {
    return { programs: await ObservePrograms.open(pins), whyNone: null };
  } catch (err) {
    log.warn({ err }, 'pods of others are counted by statistics');
    return { programs: null, whyNone: (err as Error).message };
  }
}

const notFound = (id: string): ProblemError =>
  new ProblemError(
    'observed_pod_not_found',
    `no observed pod of this node has the id ${JSON.stringify(id.slice(0, 320))}`,
    {
      hint: 'GET /api/v1/observed-pods lists them.',
    },
  );

const unknownIdentity: PodIdentity = {
  name: '',
  namespace: null,
  identifiedBy: 'inode',
  runtime: null,
  runtimeId: null,
  uid: null,
  labels: {},
  annotations: {},
  image: null,
  containers: [],
  publishedPorts: [],
};

const bypassReason =
  'others’ programs hand packets to the pod past its host end (bpf_redirect_peer): its own statistics are read';

const keyOfProcesses = (pids: readonly number[]): string =>
  `${pids.length} ${pids[0] ?? ''} ${pids.at(-1) ?? ''}`;

/** Tells whether an interface is the one that it was: the same device with the same other end. */
const isSameInterface = (
  a: Pick<ObservedInterface, 'ifindex' | 'kind' | 'hostEnd'>,
  b: Pick<ObservedInterface, 'ifindex' | 'kind' | 'hostEnd'>,
): boolean => a.ifindex === b.ifindex && a.kind === b.kind && a.hostEnd?.ifindex === b.hostEnd?.ifindex;

const isBefore = (a: ObservedCounters, b: ObservedCounters): boolean =>
  a.egressPackets < b.egressPackets || a.ingressPackets < b.ingressPackets;

/** Returns the inodes of the namespaces that are the node's own: this process's and that of process 1. */
function listNodeNamespaces(own: number): ReadonlySet<number> {
  try {
    return new Set([own, statSync('/proc/1/ns/net').ino]);
  } catch {
    return new Set([own]);
  }
}
