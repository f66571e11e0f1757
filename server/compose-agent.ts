import os from 'node:os';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { KernelCapabilityName } from '../contract/node.ts';
import { ProblemError } from '../contract/problem.ts';
import { AccessRules } from './acl/access-rules.ts';
import { findExistingConnections } from './acl/load/existing-connections.ts';
import { NatFollower } from './acl/load/nat-follower.ts';
import { RuleLoader } from './acl/load/rule-loader.ts';
import { agreeWithKernel } from './adoption/agree-with-kernel.ts';
import { KernelRecords } from './adoption/kernel-records.ts';
import { openAgentListeners } from './agent-listeners.ts';
import { TaskScope } from './async/task-scope.ts';
import { readBundledObject } from './bpf/datapath-object.ts';
import { PinDirectoryLock } from './bpf/pin-lock.ts';
import type { AgentConfig } from './config.ts';
import { KernelDropCounters } from './counters/kernel-drop-counters.ts';
import { PodDropCounters } from './counters/pod-drops.ts';
import { CounterSampler } from './counters/sampler.ts';
import { Datapath } from './datapath/datapath.ts';
import { DebugDumps } from './debug/debug-dumps.ts';
import type { LogLineRing } from './debug/log-ring.ts';
import { describeNode } from './describe-node.ts';
import { openCurrentNamespace } from './kernel/netns.ts';
import { readKernelBootId } from './kernel/procfs.ts';
import { Cluster, type ClusterOptions } from './kubernetes/cluster.ts';
import { openKubeConfig } from './kubernetes/open-kube-config.ts';
import { createPodlaneTargets } from './preflight/podlane-targets.ts';
import { Preflights } from './preflight/preflights.ts';
import { BpfScanner } from './programs/bpf-scanner.ts';
import { BuildFiles } from './programs/build-files.ts';
import { DatapathBuilds } from './programs/builds.ts';
import { BpfMaps } from './programs/maps.ts';
import { BpfPrograms } from './programs/programs.ts';
import type { ScannedNamespace } from './programs/scan/node-scan.ts';
import { TrustedSigners } from './programs/trusted-signers.ts';
import { PodAdoption } from './runtime/adopt/pod-adoption.ts';
import { ObservedPodQueries } from './runtime/observed-pod-queries.ts';
import { ObservedPods } from './runtime/observed-pods.ts';
import { SqliteStore } from './store/sqlite-store.ts';
import { KernelDropObserver } from './trace/kernel-drop-observer.ts';
import { PodNameResolver } from './trace/pod-name-resolver.ts';
import { PacketCaptures } from './trace/running-captures.ts';
import { PacketTraces } from './trace/traces.ts';
import { VerdictRecorder } from './trace/verdict-recorder.ts';
import { podlaneVersion } from './version.ts';

/** Time in ms between two checks that the directory of pins is the locked one and has the records. */
const pinCheckMs = 5000;

export interface RunningAgent {
  /** Addresses that the agent listens on, as text. */
  addresses: string[];
  /**
   * Closes the listeners, all capabilities and the database. Devices, programs and counters of pods remain in the
   * kernel.
   */
  close(): Promise<void>;
}

/**
 * Creates the agent's capabilities in the order of their dependencies and opens its listeners. The host is the network
 * namespace of this process.
 * @throws ProblemError when a part cannot be opened; then everything is closed again and the pods are unchanged
 */
export async function composeAgent(
  config: AgentConfig,
  log: Logger,
  logRing: LogLineRing,
): Promise<RunningAgent> {
  if (process.getuid?.() !== 0)
    throw new ProblemError('unprocessable', 'the agent needs root to change network devices', {
      hint: 'start it as root',
    });
  const startedAt = new Date();
  const bootId = readKernelBootId();
  /** Functions that close the opened parts of the agent, in the order in which the parts were opened. */
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    const { store, records } = await openAgreedState(config, bootId, log, closers);
    const { pins, maxSlots, connections, without } = config;
    const builds = await DatapathBuilds.open({
      files: new BuildFiles(join(dirname(config.database), 'builds')),
      signers: new TrustedSigners(config.trust),
      store,
      installed: await readBundledObject(),
    });
    const image = builds.chosenImage() ?? undefined;
    const rules = new AccessRules({ store, log, learnMs: config.learnMs });
    const cluster = await openCluster(config, rules, log, async (type, message, severity = 'info') => {
      const about = { podId: null, migrationId: null } as const;
      datapath.emit('event', await store.addEvent({ ...about, type, severity, message }));
    });
    const natScope = new TaskScope((err) => log.error({ err }, 'follow the node’s NAT rules'));
    const loaded: { rules: RuleLoader | null; nat: NatFollower | null } = { rules: null, nat: null };
    const datapath = await Datapath.open({
      ...(cluster && { describePod: cluster.describePod.bind(cluster) }),
      store,
      pins,
      maxSlots,
      connections,
      image,
      without,
      log,
      containers: {
        pendingFolder: join(dirname(config.cniSocket), 'cni.pending'),
        configFolder: config.cniConfig,
      },
      rules: {
        activate: (programs, pods) => {
          const loader = new RuleLoader(programs.ruleMaps, {
            slots: programs.maxSlots,
            timeouts: config.timeouts,
            verdicts: config.verdictRate,
            records,
            beforeLoad: () => nat.check(),
            existingConnections: async () => {
              const { connections, failed } = await findExistingConnections(
                (await store.pods()).map(({ number, netnsPath, network }) => ({
                  owner: number,
                  netns: netnsPath,
                  addresses: network.addresses,
                })),
              );
              if (failed.length > 0)
                log.warn(
                  { err: failed[0]?.error, pods: failed.map(({ owner }) => owner) },
                  'connections of pods whose namespace cannot be opened are not taken over',
                );
              log.info(
                { connections: connections.length },
                'existing connections are taken over by the rules',
              );
              return connections;
            },
          });
          const nat = new NatFollower(programs, loader, log);
          loaded.rules = loader;
          loaded.nat = nat;
          nat.follow(natScope);
          closers.push(async () => {
            await natScope.close();
            nat.close();
          });
          return rules.open(loader, pods, { inCluster: cluster !== null });
        },
        addPod: (pod) => rules.addPod(pod),
        changePod: (pod) => rules.changePod(pod),
        removePod: (id) => rules.removePod(id),
      },
    });
    closers.push(() => datapath.close());
    closers.push(async () => {
      await rules.close();
      await loaded.rules?.close();
    });
    const kernel = loaded.rules;
    if (kernel === null) throw new Error('the datapath was opened without its access rules');
    await rules.watchNode();
    rules.on('event', (event) => datapath.emit('event', event));
    cluster?.start(datapath);
    closers.push(() => cluster?.close());
    await builds.runOn(datapath.running, datapath.running.refusal);
    const sampler = new CounterSampler(datapath, datapath.counters, () => datapath.programIds());
    sampler.start();
    closers.push(() => sampler.stop());
    const hostNetns = currentNetnsInode();
    const dropReasons = datapath.capabilities.find(({ name }) => name === 'drop-reasons');
    const kernelDrops = await KernelDropCounters.open(dropReasons, {
      hostNetns,
      maxSlots: datapath.slots.max,
    });
    const drops = new PodDropCounters(datapath, datapath.counters, kernelDrops);
    datapath.countKernelDrops((number) => kernelDrops.readReasons(number));
    closers.push(() => {
      datapath.countKernelDrops(() => null);
      drops.close();
    });
    const observed = await ObservedPods.open({
      mode: config.observe,
      pins,
      hooks: chooseObserveHooks(datapath),
      runtimes: config.runtimes,
      own: datapath,
      drops: kernelDrops,
      log,
    });
    closers.push(() => observed.close());
    followSamples(observed, sampler, log);
    const ourPrograms = () => [...datapath.programIds(), ...observed.programIds()];
    const adoption = new PodAdoption(observed, datapath, config.cniConfig, ourPrograms);
    const observedPods = new ObservedPodQueries(observed, kernelDrops, ourPrograms);
    const names = new PodNameResolver(datapath, (address) => cluster?.ownerOf(address) ?? null);
    const verdicts = new VerdictRecorder(kernel, names, rules);
    const dropObserver = new KernelDropObserver({
      capability: dropReasons,
      hostNetns,
      maxSlots: datapath.slots.max,
    });
    const traces = new PacketTraces({ kernel, pods: datapath, names, rules, kernelDrops: dropObserver, log });
    const captures = new PacketCaptures(datapath, `podlane ${podlaneVersion}`, log);
    closers.push(() => {
      for (const each of [captures, traces, verdicts, names]) each.close();
    });
    await store.addEvent({
      type: 'agent.started',
      severity: 'info',
      podId: null,
      migrationId: null,
      message: `The agent started with ${datapath.summaries().length} pods`,
    });
    const scanner = new BpfScanner(() => listKnownNamespaces(datapath));
    closers.push(() => scanner.close());
    const ours = { pins, programIds: () => datapath.programIds() };
    const programs = await BpfPrograms.open({ ours, scanner, store });
    closers.push(() => programs.close());
    const maps = new BpfMaps({
      ours,
      scanner,
      recordEdit: async (message) => {
        const about = { type: 'map.edited', severity: 'warning', podId: null, migrationId: null } as const;
        datapath.emit('event', await store.addEvent({ ...about, message }));
      },
    });
    const dumps = new DebugDumps({
      folder: join(dirname(config.database), 'dumps'),
      pins,
      podlane: podlaneVersion,
      capabilities: () => datapath.capabilities,
      configuration: removeSecrets(config),
      secrets: config.listen === null ? [] : [config.listen.token],
      lines: logRing,
      log,
    });
    closers.push(() => dumps.close());
    const preflights = new Preflights({
      node: {
        name: os.hostname(),
        kernelRelease: os.release(),
        cniConfig: config.cniConfig,
        get capabilities() {
          return datapath.capabilities;
        },
        get slots() {
          return datapath.slots;
        },
        get redirect() {
          return datapath.redirect;
        },
        get usesConntrack() {
          return datapath.features.conntrack;
        },
      },
      targets: [createPodlaneTargets(datapath)],
    });
    closers.push(() => preflights.close());
    const node = () =>
      describeNode(config, datapath, {
        startedAt,
        bootId,
        conditions: [...(loaded.nat?.conditions ?? []), ...(cluster?.conditions() ?? [])],
      });
    const agent = {
      pods: datapath,
      containers: datapath.containers,
      cniSocket: config.cniSocket,
      batches: datapath.batches,
      preflights,
      sampler,
      drops,
      observed: observedPods,
      adoption,
      guard: datapath.guard,
      builds,
      userPrograms: datapath.userPrograms,
      dumps,
      maps,
      programs,
      rules,
      verdicts,
      traces,
      captures,
      store,
      node,
      cluster,
      startedAt,
      bootId,
      lab: config.lab,
      log,
    };
    const listeners = await openAgentListeners(agent, config);
    closers.push(() => listeners.close());
    log.info({ addresses: listeners.addresses, pods: datapath.summaries().length }, 'agent.started');
    return { addresses: listeners.addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the connection to the cluster that the configuration names; null if it names none. @throws ProblemError */
async function openCluster(
  { kubernetes }: AgentConfig,
  rules: AccessRules,
  log: Logger,
  publish: ClusterOptions['publish'],
): Promise<Cluster | null> {
  if (kubernetes === null) return null;
  const config = await openKubeConfig(kubernetes.source);
  return new Cluster({ config, node: kubernetes.node, rules, log, publish });
}

/**
 * Locks the pins against other agents, opens the store, and makes sure that it knows what the kernel has.
 * @throws ProblemError `unprocessable`, `store_failed`, `unknown_state`; nothing is changed in the kernel then
 */
async function openAgreedState(
  { pins, database, unknownState, kubernetes }: AgentConfig,
  bootId: string,
  log: Logger,
  closers: (() => unknown)[],
): Promise<{ store: SqliteStore; records: KernelRecords }> {
  const lock = new PinDirectoryLock(pins);
  closers.push(() => lock.close());
  const opened = { records: KernelRecords.open(pins) };
  closers.push(() => opened.records.close());
  const store = await SqliteStore.open({
    file: database,
    node: { name: os.hostname(), bootId },
    onPruneError: (err) => log.error({ err }, 'old history was not deleted'),
    onPodWritten: (number, written) => {
      try {
        opened.records.savePod(number, written);
      } catch (err) {
        log.error({ err, number }, 'the record of a pod in the kernel could not be written');
      }
    },
    onPodBegun: (number, begun) => opened.records.beginPod(number, begun),
    onNodeSettingsWritten: (settings) => {
      try {
        opened.records.saveNodeSettings(settings);
      } catch (err) {
        log.error({ err }, 'the record of the node’s settings in the kernel could not be written');
      }
    },
  });
  closers.push(() => store.close());
  opened.records = await agreeWithKernel({
    pins,
    database,
    records: opened.records,
    store,
    choice: unknownState,
    inCluster: kubernetes !== null,
    log,
  });
  const scope = new TaskScope((err) => log.error({ err, pins }, 'the pins could not be locked and kept'));
  scope.every(pinCheckMs, () => {
    lock.renew();
    opened.records.restorePin();
  });
  closers.push(() => scope.close());
  return { store, records: opened.records };
}

/** Hooks for programs at host ends of pods of others: tcx, or clsact where the kernel has none. */
function chooseObserveHooks({ capabilities }: Datapath): 'tcx' | 'tc' | null {
  const has = (name: KernelCapabilityName): boolean =>
    capabilities.some((each) => each.name === name && each.available);
  return has('tcx') ? 'tcx' : has('clsact') ? 'tc' : null;
}

/** Reads the counters of observed pods whenever those of Podlane's own pods are read. */
function followSamples(observed: ObservedPods, sampler: CounterSampler, log: Logger): void {
  sampler.on('sample', ({ sequence, realtimeNs, monotonicNs }) => {
    observed
      .sample({ sequence, realtimeNs, monotonicNs })
      .catch((err: unknown) => log.warn({ err }, 'the counters of observed pods were not read'));
  });
}

/** Returns the configuration without the API token, for debug archives. */
const removeSecrets = ({ listen, ...others }: AgentConfig): object => ({
  ...others,
  listen: listen && { host: listen.host, port: listen.port },
});

/** Lists the network namespaces to scan for programs: the host's and those of the pods. */
function listKnownNamespaces(datapath: Datapath): ScannedNamespace[] {
  const host = { inode: String(currentNetnsInode()), host: true, pod: null, name: 'host' };
  const pods = datapath.namespaces().map(({ id, name, path, inode }) => ({
    path,
    ref: { inode: String(inode), host: false, pod: id, name },
  }));
  return [{ path: '/proc/self/ns/net', ref: host }, ...pods];
}

function currentNetnsInode(): bigint {
  using namespace = openCurrentNamespace();
  return namespace.inode;
}
