import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObservedPodPage } from '../../contract/observed-pod.ts';
import { type AgentEndpoint, requestAgent } from '../../server/lab/agent-client.ts';
import { lockLabName } from '../../server/lab/lab-name-lock.ts';
import { type LabPod, labOutsideService, labPods } from '../../server/lab/lab-topology.ts';
import { startPublishedPortClient } from '../../server/lab/traffic/published-port-client.ts';
import { startLabTraffic } from '../../server/lab/traffic/traffic.ts';
import type { ChildProcessHandle } from '../child-process.ts';
import type { ContainerRuntime } from '../runtimes/container.ts';
import { CriNode, type CriPodOptions } from '../runtimes/cri.ts';
import { DockerNode } from '../runtimes/docker.ts';
import type { RuntimeName } from '../runtimes/install-runtimes.ts';
import type { IsolatedHostOptions } from '../runtimes/isolated-host/isolated-host.ts';
import { PodmanNode } from '../runtimes/podman.ts';
import { startAgentOnHost } from '../runtimes/start-agent.ts';
import { ContainerTraffic, trafficPorts } from './container-traffic.ts';
import { getLabDirectory, type LabNodeOptions, type LabTrafficCounts } from './start-lab-node.ts';

/** Port of the node that leads to the container of `web`. */
export const publishedPort = 8080;
/** Seconds that the agent has to become ready, and containers to send requests. */
const readyWithin = 300;
/** Part of the traffic in a guest, most of whose one emulated CPU is left to the agent. */
const guestShare = 0.2;
const observedWithinMs = 30_000;
const requestsPerSecond = 5;

export interface ContainerLabOptions
  extends Pick<
    LabNodeOptions,
    'lab' | 'own' | 'environment' | 'listen' | 'socketGid' | 'trust' | 'progress' | 'counted' | 'signal'
  > {
  runtime: RuntimeName;
  /** Factor that multiplies the rate of the traffic. */
  rate: number;
}

/** A node of the lab whose pods are containers: runtime, containers with traffic, and the agent that observes them. */
export interface ContainerLabNode {
  socket: string;
  agent: ChildProcessHandle;
  /** Command line that restarts the agent. */
  agentCommand: string[];
  /** URL of the published port, and a command that requests it from outside. */
  published: { url: string; command: string };
  /** Resolves once the runtime's daemon has exited, with the reason. */
  ended: Promise<string>;
  /** Removes everything that the lab made. */
  stop(): Promise<void>;
}

/** @throws when a step fails; then nothing is left of it */
export async function startContainerLabNode(options: ContainerLabOptions): Promise<ContainerLabNode> {
  const { lab, runtime, rate, progress, signal } = options;
  await lockLabName(lab, signal);
  const directory = getLabDirectory(lab);
  const closing: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of closing.splice(0).reverse()) await close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    progress(`${runtime}, isolated from this machine`);
    const node = await openRuntime(runtime, {
      name: `podlane-${lab}`,
      ownNetwork: options.own,
      keep: [directory, ...(options.listen ? [dirname(options.listen.tokenFile)] : [])],
    });
    closing.push(() => node.close());
    signal.throwIfAborted();

    progress('agent');
    const socket = join(directory, 'agent.sock');
    // Both start at the same time: pods of others appear by themselves.
    const starting = startAgentOnHost(node.host, socket, formatAgentArguments(options), signal);
    closing.push(() =>
      starting.then(
        ({ process }) => process.stop(),
        () => {},
      ),
    );
    const [agent, traffic] = await Promise.all([
      starting,
      startContainers(node, join(node.host.folder, 'lab'), {
        rate: options.environment === 'guest' ? rate * guestShare : rate,
        progress,
        signal,
      }),
    ]);
    await waitUntilObserved({ socketPath: socket }, node, { progress, signal });
    const url = `http://${node.host.address}:${publishedPort}/`;
    closing.push(await startOutside(node, traffic, url, options));
    return {
      socket,
      agent: agent.process,
      agentCommand: agent.command,
      published: { url, command: `nsenter --net=${node.host.outside} busybox wget -qO- ${url}` },
      ended: node.ended,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Opens a runtime; containerd runs pods by CRI, as for Kubernetes. */
function openRuntime(runtime: RuntimeName, options: IsolatedHostOptions): Promise<ContainerRuntime> {
  if (runtime === 'docker') return DockerNode.open(options);
  if (runtime === 'podman') return PodmanNode.open({ ...options, service: true });
  return CriNode.open(options);
}

/** Starts a container for each pod of the lab, and waits until each has got answers. */
async function startContainers(
  node: ContainerRuntime,
  folder: string,
  { rate, progress, signal }: Pick<ContainerLabOptions, 'rate' | 'progress' | 'signal'>,
): Promise<ContainerTraffic> {
  const traffic = new ContainerTraffic(folder, rate);
  for (const pod of labPods) {
    signal.throwIfAborted();
    const { name } = await node.run({ ...formatContainer(node, pod), ...traffic.containerOf(pod) });
    progress(`container ${name} at ${traffic.addressOf(pod.app) ?? 'no address yet'}`);
  }
  for (const until = performance.now() + readyWithin * 1000; ; await sleep(100, undefined, { signal })) {
    const silent = labPods.filter(({ app }) => traffic.countsOf(app).ok === 0);
    if (silent.length === 0) return traffic;
    if (performance.now() > until)
      throw new Error(`no answers after ${readyWithin} s: ${silent.map(({ app }) => app).join(', ')}`);
  }
}

function formatContainer(
  { kind }: ContainerRuntime,
  { app, namespace, name, labels }: LabPod,
): CriPodOptions {
  const publish = app === 'web' ? [{ hostPort: publishedPort, containerPort: trafficPorts.http }] : [];
  return kind === 'cri' ? { name, namespace, labels, publish } : { name: app, labels, publish };
}

/** Waits until the agent has found all containers and knows their names; goes on without after half a minute. */
async function waitUntilObserved(
  endpoint: AgentEndpoint,
  node: ContainerRuntime,
  { progress, signal }: Pick<ContainerLabOptions, 'progress' | 'signal'>,
): Promise<void> {
  const wanted = labPods.map((pod) => formatContainer(node, pod).name);
  for (const until = performance.now() + observedWithinMs; ; await sleep(200, undefined, { signal })) {
    const page = await requestAgent(endpoint, 'GET', '/api/v1/observed-pods');
    const names = (page as ObservedPodPage).items.map(({ name }) => name);
    const missing = wanted.filter((name) => !names.includes(name));
    if (missing.length === 0) return progress(`the agent observes ${wanted.join(', ')}`);
    if (performance.now() > until) return progress(`the agent does not observe ${missing.join(', ')}`);
  }
}

/** Starts the service outside, requests to the published port from there, and the counting of all. */
async function startOutside(
  node: ContainerRuntime,
  traffic: ContainerTraffic,
  url: string,
  { counted, signal }: Pick<ContainerLabOptions, 'counted' | 'signal'>,
): Promise<() => Promise<void>> {
  const { app, address } = labOutsideService;
  const service = await startLabTraffic([{ app, netns: node.host.outside, address }], { signal });
  const client = startPublishedPortClient({ netns: node.host.outside, url, requestsPerSecond });
  const counting = setInterval(() => {
    const counts: LabTrafficCounts = { [app]: client.counts() };
    for (const { app } of labPods) counts[app] = traffic.countsOf(app);
    counted(counts);
  }, 1000);
  return async () => {
    clearInterval(counting);
    await client.stop();
    await service.stop();
  };
}

function formatAgentArguments({ lab, environment, listen, socketGid, trust }: ContainerLabOptions): string[] {
  return [
    ...['--database', join(getLabDirectory(lab), 'podlane.db'), '--pins', `/sys/fs/bpf/podlane-${lab}`],
    ...['--environment', environment, '--lab', '--log-level', 'warn'],
    ...(socketGid === undefined ? [] : ['--socket-gid', String(socketGid)]),
    ...(trust === undefined ? [] : ['--trust', trust]),
    ...(listen ? ['--listen', listen.address, '--token-file', listen.tokenFile] : []),
  ];
}
