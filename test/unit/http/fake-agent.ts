import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { AdoptionPlan, ReleasePlan } from '../../../contract/adoption.ts';
import type { Batch, BatchPlan, NewBatch } from '../../../contract/batch.ts';
import { countBatchPods } from '../../../contract/batch-states.ts';
import type { DatapathBuildList } from '../../../contract/build.ts';
import type { DevicePolicy } from '../../../contract/device-policy.ts';
import type { KernelDrops, PodDrops } from '../../../contract/drops.ts';
import type { GuardThresholdOverrides, NodeGuard, PodGuard } from '../../../contract/guard.ts';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { ObservedPodPath } from '../../../contract/observed-path.ts';
import type { ObservedPod, ObservedPodSummary } from '../../../contract/observed-pod.ts';
import { defaultPacketChecks, type PacketChecks } from '../../../contract/packet-checks.ts';
import type { NewPod, Pod, PodSummary } from '../../../contract/pod.ts';
import { podNetworkSchema } from '../../../contract/pod-network.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { AccessRules } from '../../../server/acl/access-rules.ts';
import type { CounterSample } from '../../../server/counters/sample.ts';
import type { SampleEvents } from '../../../server/counters/sampler.ts';
import type { BatchEvents } from '../../../server/datapath/batch/batch-controller.ts';
import type { DatapathEvents } from '../../../server/datapath/datapath-events.ts';
import type { DebugDumpEvents } from '../../../server/debug/debug-dumps.ts';
import type { AgentServices } from '../../../server/http/agent-services.ts';
import type { ObservedPodEvents } from '../../../server/runtime/observed-pods.ts';
import { KernelDropObserver } from '../../../server/trace/kernel-drop-observer.ts';
import { PodNameResolver } from '../../../server/trace/pod-name-resolver.ts';
import { PacketCaptures } from '../../../server/trace/running-captures.ts';
import { PacketTraces } from '../../../server/trace/traces.ts';
import { VerdictRecorder } from '../../../server/trace/verdict-recorder.ts';
import { FakeKernelRules } from '../acl/fake-kernel-rules.ts';
import { newMigration } from '../store/records.ts';
import { openTemporaryStore } from '../store/temporary-store.ts';

/** Takes the place of the datapath; the kernel is tested in test/kernel. */
class FakeDatapath extends EventEmitter<DatapathEvents> {
  readonly pods: PodSummary[] = [];
  readonly calls: unknown[][] = [];

  add(name: string): PodSummary {
    const number = this.pods.length + 1;
    const at = new Date(0).toISOString();
    const pod: PodSummary = {
      id: `id-${name}`,
      number,
      namespace: 'shop',
      name,
      labels: {},
      addresses: ['10.42.0.1/32'],
      kind: 'veth',
      hooks: 'tcx',
      slot: number,
      adoption: null,
      primary: { name: `pl${number}`, ifindex: 1048576 + 2 * number },
      state: 'running',
      createdAt: at,
      kindSince: at,
      migration: null,
      attention: [],
    };
    this.pods.push(pod);
    return pod;
  }

  summaries = () => this.pods;
  all = () => [];

  find(idOrName: string): string {
    const pod = this.pods.find((pod) => pod.id === idOrName || `${pod.namespace}.${pod.name}` === idOrName);
    if (pod === undefined) throw new ProblemError('pod_not_found', `there is no pod ${idOrName}`);
    return pod.id;
  }

  async describe(id: string): Promise<Pod> {
    const summary = this.pods.find((pod) => pod.id === id)!;
    return {
      ...summary,
      adoption: null,
      annotations: {},
      ports: [],
      kubernetes: null,
      conditions: [],
      container: null,
      netns: { path: '/run/netns/x', inode: 1 },
      gateways: ['169.254.1.1'],
      network: podNetworkSchema.parse({ addresses: summary.addresses }),
      device: null,
      routes: { pod: [], host: [] },
      neighbors: { pod: [], host: [] },
    };
  }

  redirect = true;
  podSettings = () => ({ redirect: null });
  setPodSettings = async (_: string, settings: { redirect: boolean | null }) => settings;
  setRedirect = async (redirect: boolean) => {
    this.redirect = redirect;
  };
  moveHooks = (id: string) => this.describe(id);
  checks = defaultPacketChecks;
  packetChecks = () => this.checks;
  setPacketChecks = async (_: string, checks: PacketChecks) => {
    this.checks = checks;
  };

  networkState = async () => ({
    pod: { interface: 'eth0', settings: [{ kind: 'address', key: '10.0.0.1', text: '10.0.0.1/32' }] },
    host: { interface: 'pl0', settings: [] },
  });
  path = async (id: string) => ({
    pod: id,
    hops: [],
    redirect: true,
    redirectSetting: 'node' as const,
    translators: [],
    services: [],
    traffic: null,
  });

  async attach(pod: NewPod): Promise<Pod> {
    this.calls.push(['attach', pod]);
    return this.describe(this.add(pod.name).id);
  }

  async change(id: string, change: unknown, actor: string): Promise<Pod> {
    this.calls.push(['change', id, change, actor]);
    return this.describe(id);
  }

  async detach(id: string): Promise<void> {
    this.calls.push(['detach', id]);
    throw new Error('internal secret');
  }

  planRelease = async (id: string): Promise<ReleasePlan> => {
    throw new ProblemError('pod_not_adopted', `Podlane attached ${id}`);
  };
  release = async (id: string): Promise<Migration | null> => {
    throw new ProblemError('pod_not_adopted', `Podlane attached ${id}`);
  };

  async plan(id: string): Promise<MigrationPlan> {
    const { direction, from, to } = newMigration('m', 'x');
    return { podId: id, direction, from, to, allowed: true, checks: [], items: [], steps: [], script: '' };
  }

  async migrate(id: string, to: string, actor: string, options: object = {}): Promise<Migration> {
    this.calls.push(['migrate', id, to, actor, options]);
    return { ...newMigration('m1', 'cart'), actor };
  }

  reportTraffic(report: unknown): void {
    this.calls.push(['traffic', report]);
  }
}

/** Has no batches; they are tested in test/kernel/datapath/batch. */
class FakeBatches extends EventEmitter<BatchEvents> {
  readonly calls: unknown[] = [];

  async plan(wanted: NewBatch): Promise<BatchPlan> {
    this.calls.push(wanted);
    const { pods: _, selector: __, all: ___, dryRun: ____, ...rest } = wanted;
    return { ...rest, allowed: false, slots: { needed: 0, free: 8 }, counts: countBatchPods([]), pods: [] };
  }

  async start(wanted: NewBatch): Promise<Batch> {
    this.calls.push(wanted);
    throw new ProblemError('nothing_to_move', 'no pod matches');
  }

  pause = this.#ended;
  resume = this.#ended;
  stop = this.#ended;
  get = () => undefined;

  async #ended(): Promise<Batch> {
    throw new ProblemError('batch_ended', 'it has ended');
  }
}

class FakeSampler extends EventEmitter<SampleEvents> {
  latest: CounterSample | null = null;
  previous: CounterSample | null = null;
  node = null;
  readonly watches = new Map<string, { hz: number; listener: (sample: CounterSample) => void }>();

  watch(id: string, hz: number, listener: (sample: CounterSample) => void): () => void {
    this.watches.set(id, { hz, listener });
    return () => void this.watches.delete(id);
  }
}

class FakeDrops {
  readonly kernelDrops = new Map<number, KernelDrops[]>();

  of = (): PodDrops => ({
    since: new Date(0).toISOString(),
    ours: [],
    kernel: { available: false, since: null, detail: 'no BTF', hint: null, lost: 0, reasons: [] },
  });

  kernel = () => this.kernelDrops;
}

class FakeGuard {
  readonly chosen = new Map<string, GuardThresholdOverrides>();

  node = (): NodeGuard => ({
    chosen: this.chosen.get('node') ?? null,
    thresholds: { ...guardThresholdDefaults, ...this.chosen.get('node') },
    defaults: guardThresholdDefaults,
    pods: { watched: 0, fallenBack: 0, leftAlone: 0, chosen: 0 },
  });

  of = (podId: string): PodGuard => ({
    podId,
    chosen: this.chosen.get(podId) ?? null,
    stage: 'watching',
    watched: true,
    status: '',
    thresholds: { ...guardThresholdDefaults, ...this.chosen.get('node'), ...this.chosen.get(podId) },
    readings: [],
    actions: [],
  });

  async chooseForNode(choice: GuardThresholdOverrides): Promise<NodeGuard> {
    this.chosen.set('node', choice);
    return this.node();
  }

  async chooseForPod(id: string, choice: GuardThresholdOverrides | null): Promise<PodGuard> {
    if (choice === null) this.chosen.delete(id);
    else this.chosen.set(id, choice);
    return this.of(id);
  }

  resume = async (id: string): Promise<PodGuard> => this.of(id);
}

/** Has no dumps and makes none. */
class FakeDumps extends EventEmitter<DebugDumpEvents> {
  list = (): never[] => [];
  get(id: string): never {
    throw new ProblemError('dump_not_found', `there is no dump ${id}`);
  }
  start = (): never => this.get('new');
  remove = async (id: string): Promise<void> => this.get(id);
  archive = (id: string): never => this.get(id);
}

/** Has no builds; they are tested in test/unit/programs and test/kernel/programs. */
class FakeBuilds {
  readonly calls: unknown[][] = [];

  list = (): DatapathBuildList => ({ items: [], newer: false, activation: null });
  signers = () => [];
  rollBack = async (actor: string): Promise<never> => this.#none('roll back', actor);
  add = async (image: Buffer, signature: Buffer, actor: string): Promise<never> =>
    this.#none('add', image.length, signature.length, actor);
  activate = async (sha256: string, actor: string): Promise<never> => this.#none('activate', sha256, actor);
  remove = async (sha256: string, actor: string): Promise<never> => this.#none('remove', sha256, actor);

  #none(...calls: unknown[]): never {
    this.calls.push(calls);
    throw new ProblemError('build_not_found', 'there is none');
  }
}

/** Has no user programs; they are tested in test/kernel/programs. */
class FakeUserPrograms {
  list = async () => [];
  attach = this.#none;
  detach = this.#none;

  async #none(): Promise<never> {
    throw new ProblemError('program_not_found', 'there is none');
  }
}

/** A kernel without programs; they are tested in test/kernel/programs. */
class FakePrograms {
  statistics = { on: false, always: false, until: null, problem: null };

  keepStatisticsOn = (): void => undefined;
  list = async () => ({
    items: [],
    statistics: this.statistics,
    time: new Date(0).toISOString(),
    unread: [],
  });
  links = async () => [];
  chooseStatistics = async (always: boolean) => ({ ...this.statistics, always });
  get = async (id: number): Promise<never> => none('program_not_found', id);
  instructions = this.get;
}

/** Preflights are tested in test/kernel/preflight. */
class FakePreflights {
  pod = async (id: string): Promise<never> => this.#none(id);
  look = async (): Promise<never> => this.#none('any');

  #none(id: string): never {
    throw new ProblemError('pod_not_found', `no pod is called ${id}`);
  }
}

class FakeMaps {
  list = async () => [];
  get = async (id: number): Promise<never> => none('map_not_found', id);
  isOwn = this.get;
  entries = this.get;
  write = this.get;
  remove = this.get;
  // biome-ignore lint/correctness/useYield: it refuses before the first piece
  async *export(id: number): AsyncGenerator<string> {
    none('map_not_found', id);
  }
}

function none(code: 'program_not_found' | 'map_not_found', id: number): never {
  throw new ProblemError(code, `no object has the id ${id}`);
}

const node: NodeInfo = {
  name: 'here',
  bootId: 'b',
  kernel: { release: '6.12', version: '#1', machine: 'x86_64' },
  environment: 'native',
  lab: false,
  cpus: 2,
  conditions: [],
  capabilities: [],
  slots: { used: 0, max: 8 },
  versions: { podlane: '0', node: '24', libbpf: '1.1', api: 'v1' },
  agent: { pid: 1, startedAt: new Date(0).toISOString() },
  datapath: { pins: '/sys/fs/bpf/x', build: '0' },
};

class FakeContainers {
  policy: DevicePolicy = { default: null, rules: [] };
  run = async () => null;
  describe = () => ({
    containers: 0,
    observed: [],
    misplaced: 0,
    pools: [],
    pending: 0,
    policy: this.policy,
  });
  async setPolicy(policy: DevicePolicy): Promise<void> {
    this.policy = policy;
  }
}

/** Takes the place of the observation of others' pods. */
class FakeObservedPods extends EventEmitter<ObservedPodEvents> {
  readonly mode = 'programs' as const;
  latest: CounterSample | null = null;
  readonly pods: ObservedPodSummary[] = [];
  readonly drops = new Map<number, KernelDrops[]>();
  summaries = () => this.pods;
  runtimes = () => [];
  kernelDrops = () => this.drops;
  describe = async (id: string): Promise<ObservedPod> => {
    throw new ProblemError('observed_pod_not_found', `there is no observed pod ${id}`);
  };
  path = async (id: string): Promise<ObservedPodPath> => ({ pod: id, interface: 'eth0', hops: [] });
}

/** Takes the place of the adoption of others' pods; it is tested in test/kernel/adopt. */
class FakeAdoption {
  plan = async (id: string): Promise<AdoptionPlan> => {
    throw new ProblemError('observed_pod_not_found', `there is no observed pod ${id}`);
  };
  adopt = async (id: string): Promise<Pod> => {
    throw new ProblemError('observed_pod_not_found', `there is no observed pod ${id}`);
  };
}

/** Creates an agent whose store, access rules, traces and captures are real and whose other capabilities are fakes. */
export async function fakeAgent({ lab = false } = {}) {
  const { store } = await openTemporaryStore();
  const pods = new FakeDatapath();
  const batches = new FakeBatches();
  const sampler = new FakeSampler();
  const drops = new FakeDrops();
  const observed = new FakeObservedPods();
  const logged: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const startedAt = new Date();
  const rules = new AccessRules({ store: store, log });
  onTestFinished(() => rules.close());
  const kernel = new FakeKernelRules();
  await rules.open(kernel, []);
  const names = new PodNameResolver(pods);
  const kernelDrops = new KernelDropObserver({ capability: undefined, hostNetns: 0n, maxSlots: 8 });
  const agent: AgentServices = {
    pods,
    containers: new FakeContainers(),
    cniSocket: '/run/podlane/cni.sock',
    batches,
    preflights: new FakePreflights(),
    sampler,
    drops,
    observed,
    adoption: new FakeAdoption(),
    guard: new FakeGuard(),
    builds: new FakeBuilds(),
    userPrograms: new FakeUserPrograms(),
    dumps: new FakeDumps(),
    maps: new FakeMaps(),
    programs: new FakePrograms(),
    rules,
    verdicts: new VerdictRecorder(kernel, names, rules),
    traces: new PacketTraces({ kernel, pods, names, rules, kernelDrops, log }),
    captures: new PacketCaptures(pods, 'podlane', log),
    store,
    node: () => node,
    cluster: null,
    lab,
    startedAt,
    bootId: 'b',
    log,
  };
  onTestFinished(() => {
    pods.removeAllListeners();
    sampler.removeAllListeners();
    observed.removeAllListeners();
  });
  return { agent, kernel, pods, batches, sampler, drops, observed, store, logged };
}
