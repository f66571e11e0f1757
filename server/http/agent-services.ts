import type { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { NodeInfo } from '../../contract/node.ts';
import type { AccessRules } from '../acl/access-rules.ts';
import type { PodDropCounters } from '../counters/pod-drops.ts';
import type { CounterSampler, SampleEvents } from '../counters/sampler.ts';
import type { BatchController, BatchEvents } from '../datapath/batch/batch-controller.ts';
import type { Containers } from '../datapath/containers/containers.ts';
import type { Datapath } from '../datapath/datapath.ts';
import type { DatapathEvents } from '../datapath/datapath-events.ts';
import type { PodHealthGuard } from '../datapath/guard/guard.ts';
import type { UserPrograms } from '../datapath/user-programs/user-programs.ts';
import type { DebugDumpEvents, DebugDumps } from '../debug/debug-dumps.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import type { Preflights } from '../preflight/preflights.ts';
import type { DatapathBuilds } from '../programs/builds.ts';
import type { BpfMaps } from '../programs/maps.ts';
import type { BpfPrograms } from '../programs/programs.ts';
import type { PodAdoption } from '../runtime/adopt/pod-adoption.ts';
import type { ObservedPodQueries } from '../runtime/observed-pod-queries.ts';
import type { ObservedPodEvents } from '../runtime/observed-pods.ts';
import type { HistoryStore } from '../store/store-interfaces.ts';
import type { PacketCaptures } from '../trace/running-captures.ts';
import type { PacketTraces } from '../trace/traces.ts';
import type { VerdictRecorder } from '../trace/verdict-recorder.ts';

/**
 * The agent as its listeners see it: the methods of each capability that HTTP and the stream call. Methods of a pod
 * take the id that `pods.find` returns; those that take an id which may be unknown throw ProblemError `…_not_found`.
 */
export interface AgentServices {
  pods: EventEmitter<DatapathEvents> &
    Pick<
      Datapath,
      | 'summaries'
      | 'find'
      | 'describe'
      | 'path'
      | 'attach'
      | 'change'
      | 'detach'
      | 'planRelease'
      | 'release'
      | 'plan'
      | 'migrate'
      | 'moveHooks'
      | 'networkState'
      | 'packetChecks'
      | 'setPacketChecks'
      | 'redirect'
      | 'setRedirect'
      | 'podSettings'
      | 'setPodSettings'
      | 'reportTraffic'
    >;
  containers: Pick<Containers, 'run' | 'describe' | 'policy' | 'setPolicy'>;
  /** Path of the socket for the CNI plugin. */
  cniSocket: string;
  batches: EventEmitter<BatchEvents> &
    Pick<BatchController, 'plan' | 'start' | 'pause' | 'resume' | 'stop' | 'get'>;
  preflights: Pick<Preflights, 'look' | 'pod'>;
  sampler: EventEmitter<SampleEvents> & Pick<CounterSampler, 'latest' | 'previous' | 'node' | 'watch'>;
  drops: Pick<PodDropCounters, 'of' | 'kernel'>;
  adoption: Pick<PodAdoption, 'plan' | 'adopt'>;
  observed: EventEmitter<ObservedPodEvents> &
    Pick<
      ObservedPodQueries,
      'mode' | 'latest' | 'summaries' | 'describe' | 'path' | 'runtimes' | 'kernelDrops'
    >;
  guard: Pick<PodHealthGuard, 'node' | 'chooseForNode' | 'of' | 'chooseForPod' | 'resume'>;
  builds: Pick<DatapathBuilds, 'list' | 'signers' | 'add' | 'remove' | 'activate' | 'rollBack'>;
  userPrograms: Pick<UserPrograms, 'list' | 'attach' | 'detach'>;
  dumps: EventEmitter<DebugDumpEvents> & Pick<DebugDumps, 'list' | 'get' | 'start' | 'remove' | 'archive'>;
  maps: Pick<BpfMaps, 'list' | 'get' | 'isOwn' | 'entries' | 'export' | 'write' | 'remove'>;
  programs: Pick<
    BpfPrograms,
    'list' | 'get' | 'instructions' | 'links' | 'keepStatisticsOn' | 'chooseStatistics'
  >;
  rules: Pick<
    AccessRules,
    | 'active'
    | 'staged'
    | 'connectionUse'
    | 'connectionTable'
    | 'text'
    | 'queries'
    | 'plan'
    | 'import'
    | 'apply'
    | 'remove'
    | 'stage'
    | 'discardStaged'
    | 'applyStaged'
    | 'versions'
    | 'version'
    | 'rollBack'
    | 'namespaces'
    | 'setNamespaceLabels'
  >;
  verdicts: Pick<VerdictRecorder, 'page' | 'counts' | 'losses' | 'matching' | 'watch'>;
  traces: Pick<PacketTraces, 'start' | 'list' | 'get' | 'stop' | 'watch'>;
  captures: Pick<PacketCaptures, 'open'>;
  store: HistoryStore;
  node(): NodeInfo;
  /** The cluster that the node belongs to; null if the agent follows none. */
  cluster: Pick<Cluster, 'status' | 'servicesOf'> | null;
  /** True if the agent runs for the lab and accepts reports of the lab's traffic. */
  lab: boolean;
  startedAt: Date;
  bootId: string;
  log: Logger;
}
