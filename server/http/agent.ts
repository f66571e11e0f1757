import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type {
  Batch,
  BatchPlan,
  BatchPod,
  BatchSummary,
  NewBatch,
  ResumeBatch,
} from '../../contract/batch.ts';
import type { Activation, Build, Builds, NewUserProgram, Signer, UserProgram } from '../../contract/build.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { KernelDrops, PodDrops } from '../../contract/drops.ts';
import type { Dump, NewDump } from '../../contract/dump.ts';
import type { Event } from '../../contract/event.ts';
import type { GuardChoice, NodeGuard, PodGuard } from '../../contract/guard.ts';
import type { Migration, MigrationPlan } from '../../contract/migration.ts';
import type { Node, NodeSample } from '../../contract/node.ts';
import type { PodPath } from '../../contract/path.ts';
import type { NewPod, Pod, PodSummary, TrafficReport } from '../../contract/pod.ts';
import type { ServerMessage } from '../../contract/stream.ts';
import type { CaptureQuery, NewTrace, Trace, TraceSummary } from '../../contract/trace.ts';
import type {
  Verdict,
  VerdictFilter,
  VerdictKind,
  VerdictList,
  VerdictListQuery,
  VerdictLosses,
} from '../../contract/verdict.ts';
import type { AccessRules } from '../acl/access-rules.ts';
import type { Sample } from '../counters/sample.ts';
import type { Maps } from '../programs/maps.ts';
import type { Programs } from '../programs/programs.ts';
import type { SqliteStore } from '../store/sqlite-store.ts';

/** What the doors ask of the datapath. All throw ProblemError. */
export interface PodSource extends EventEmitter<PodEvents> {
  summaries(): PodSummary[];
  /** @throws ProblemError `pod_not_found` */
  find(idOrName: string): string;
  describe(id: string): Promise<Pod>;
  path(id: string): Promise<PodPath>;
  attach(pod: NewPod): Promise<Pod>;
  detach(id: string): Promise<void>;
  plan(id: string, to: DeviceKind, recreate: boolean): Promise<MigrationPlan>;
  /** Resolves once the journal has it and it runs; `migration` events tell the rest. */
  migrate(id: string, to: DeviceKind, actor: string, recreate: boolean): Promise<Migration>;
  /** Moves our programs of a netkit device to its primary, or to its own hooks. */
  moveHooks(id: string, to: 'device' | 'primary', actor: string): Promise<Pod>;
  readonly redirect: boolean;
  setRedirect(redirect: boolean): Promise<void>;
  reportTraffic(report: TrafficReport): void;
}

export interface PodEvents {
  pod: [PodSummary];
  'pod-removed': [id: string];
  migration: [Migration];
  event: [Event];
}

/** What the doors ask of migrations of many pods. All throw ProblemError. */
export interface BatchSource extends EventEmitter<BatchEvents> {
  plan(wanted: NewBatch): Promise<BatchPlan>;
  /** Resolves once the journal has it; events tell the rest. */
  start(wanted: NewBatch, actor: string): Promise<Batch>;
  pause(id: string, actor: string): Promise<Batch>;
  resume(id: string, how: ResumeBatch, actor: string): Promise<Batch>;
  stop(id: string, actor: string): Promise<Batch>;
  /** One that has not ended; the inventory has the others. */
  get(id: string): Batch | undefined;
}

export interface BatchEvents {
  batch: [BatchSummary];
  pod: [batchId: string, pod: BatchPod];
}

/** Samples of the pods' counters. */
export interface SampleSource extends EventEmitter<SampleEvents> {
  /** Last sample of all pods; null before the first. */
  readonly latest: Sample | null;
  /** The sample before it. */
  readonly previous: Sample | null;
  /** Last sample of the node. */
  readonly node: NodeSample | null;
  /** Samples one pod `hz` times a second (1 to 10) until the returned function is called. */
  watch(podId: string, hz: number, listener: (sample: Sample) => void): () => void;
}

export interface SampleEvents {
  sample: [Sample];
  node: [NodeSample];
}

/** What the doors ask of the counted drops. */
export interface DropSource {
  /** @param id of a pod that is there */
  of(id: string): PodDrops;
  /** The kernel's, of all pods that have any, by their numbers. */
  kernel(): Map<number, KernelDrops[]>;
}

/** What the doors ask of the guard. Ids are of pods that are there. All throw ProblemError. */
export interface GuardSource {
  node(): NodeGuard;
  /** What is left out is by default. */
  chooseForNode(choice: GuardChoice, actor: string): Promise<NodeGuard>;
  of(id: string): PodGuard;
  /** null: as for the node. */
  chooseForPod(id: string, choice: GuardChoice | null, actor: string): Promise<PodGuard>;
  resume(id: string, actor: string): Promise<PodGuard>;
}

/** What the doors ask of the log of verdicts. */
export interface VerdictSource {
  /** The newest first. */
  page(query: VerdictListQuery): VerdictList;
  /** Since the agent started. */
  counts(): Record<VerdictKind, number>;
  losses(): VerdictLosses;
  /** All that the log holds, the oldest first; what is pushed out meanwhile is left out. */
  matching(filter: VerdictFilter): Iterable<Verdict>;
  /** New ones, some at a time, until the returned function is called. */
  watch(filter: VerdictFilter, listener: (news: VerdictNews) => void): () => void;
}

export type VerdictNews = Omit<Extract<ServerMessage, { type: 'verdicts' }>, 'type'>;

/** What the doors ask of traces. All throw ProblemError, `trace_not_found` of an id that none has. */
export interface TraceSource {
  start(wanted: NewTrace, actor: string): Promise<Trace>;
  /** Those that run and the last that have ended, the newest first. */
  list(): TraceSummary[];
  get(id: string): Trace;
  /** One that has ended stays as it is. */
  stop(id: string): Promise<Trace>;
  /** Tells all that is known at once, then what changes, until the returned function is called. */
  watch(id: string, listener: (news: TraceNews) => void): () => void;
}

export type TraceNews = Omit<Extract<ServerMessage, { type: 'trace' }>, 'type'>;

/** What the doors ask of captures. */
export interface CaptureSource {
  /**
   * Begins to capture at the primary of the pod's device.
   * @param id of a pod that is there
   * @returns the file as it comes, pcapng; destroying it ends the capture
   * @throws ProblemError `too_many`, `kernel_refused`, `device_missing`
   */
  open(id: string, what: CaptureQuery): Promise<Readable>;
}

/** What the doors ask of debug archives. All throw ProblemError, `dump_not_found` of an id that none has. */
export interface DumpSource extends EventEmitter<DumpEvents> {
  /** The newest first. */
  list(): Dump[];
  get(id: string): Dump;
  /** @param ask what a GET of this API answers, of a path below `/api/v1` */
  start(
    wanted: NewDump,
    actor: string,
    ask: (path: string) => Promise<{ status: number; body: Buffer }>,
  ): Dump;
  /** Cancels one that is being made; it leaves no file. */
  remove(id: string): Promise<void>;
  archive(id: string): { file: string; name: string; bytes: number };
}

export interface DumpEvents {
  dump: [Dump];
  'dump-removed': [id: string];
}

/** What the doors ask of the access rules. All throw ProblemError. */
export type RuleSource = Pick<
  AccessRules,
  | 'active'
  | 'draft'
  | 'text'
  | 'views'
  | 'plan'
  | 'import'
  | 'put'
  | 'remove'
  | 'putDraft'
  | 'removeDraft'
  | 'applyDraft'
  | 'versions'
  | 'version'
  | 'restore'
>;

/** What the doors ask of the node's programs. All throw ProblemError. */
export type ProgramSource = Pick<
  Programs,
  'list' | 'get' | 'instructions' | 'links' | 'look' | 'chooseStatistics'
>;

/** What the doors ask of the node's maps. All throw ProblemError. */
export type MapSource = Pick<Maps, 'list' | 'get' | 'entries' | 'export' | 'write' | 'remove'>;

/** What the doors ask of the builds of the datapath. All throw ProblemError. */
export interface BuildSource {
  list(): Builds;
  signers(): Signer[];
  add(image: Buffer, signature: Buffer, actor: string): Promise<Build>;
  remove(sha256: string, actor: string): Promise<void>;
  /** Resolves when all devices run it, or rejects when they run what they ran. */
  activate(sha256: string, actor: string): Promise<Activation>;
  rollBack(actor: string): Promise<Activation>;
}

/** What the doors ask of programs that users put on pods. All throw ProblemError. */
export interface UserProgramSource {
  /** @param id of a pod that is there */
  list(id: string): Promise<UserProgram[]>;
  attach(id: string, wanted: NewUserProgram, actor: string): Promise<UserProgram>;
  detach(id: string, number: number, actor: string): Promise<void>;
}

/** What stands behind the doors. */
export interface Agent {
  pods: PodSource;
  batches: BatchSource;
  samples: SampleSource;
  drops: DropSource;
  guard: GuardSource;
  builds: BuildSource;
  userPrograms: UserProgramSource;
  dumps: DumpSource;
  maps: MapSource;
  programs: ProgramSource;
  rules: RuleSource;
  verdicts: VerdictSource;
  traces: TraceSource;
  captures: CaptureSource;
  store: Pick<SqliteStore, 'migration' | 'listMigrations' | 'batch' | 'listBatches' | 'listEvents'>;
  node(): Node;
  lab: boolean;
  startedAt: Date;
  bootId: string;
  log: Logger;
}
