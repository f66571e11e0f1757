import type { ContainerOptions, ContainerRuntime } from '../../../scripts/runtimes/container.ts';
import { ContainerdNode } from '../../../scripts/runtimes/containerd.ts';
import { CriNode, type CriPodOptions } from '../../../scripts/runtimes/cri.ts';
import { DockerNode } from '../../../scripts/runtimes/docker.ts';
import { PodmanNode } from '../../../scripts/runtimes/podman.ts';

/** A runtime as it is tested: how it is opened, and what is known of its containers. */
export interface RuntimeCase {
  name: string;
  open(): Promise<ContainerRuntime>;
  /** Adds what only this runtime knows of a container. */
  options(options: ContainerOptions): CriPodOptions;
  /** IPv4 subnet of its containers. */
  subnet: string;
  /** Bridge that host ends are ports of; null for routed containers. */
  bridge: string | null;
  publishes: boolean;
  /** How an agent knows its pods, and by which name it calls the runtime. */
  identity: { identifiedBy: string; runtime: string | null; labels: boolean };
  /** Returns the name by which the agent knows a container. */
  podName(name: string): string;
  /** False for a runtime that restarts a container in the same network namespace. */
  newNamespace: boolean;
}

const same = (name: string): string => name;
const asIs = (options: ContainerOptions): CriPodOptions => options;
const inShop = (options: ContainerOptions): CriPodOptions => ({
  ...options,
  namespace: 'shop',
  annotations: { 'example.com/team': 'checkout' },
});

/** Every runtime, network and interface version that the lab and the agent work with. */
export const runtimeCases: readonly RuntimeCase[] = [
  {
    name: 'docker',
    open: () => DockerNode.open(),
    options: asIs,
    subnet: '172.17.',
    bridge: 'docker0',
    publishes: true,
    identity: { identifiedBy: 'docker', runtime: 'docker', labels: true },
    podName: same,
    newNamespace: true,
  },
  {
    name: 'podman with netavark and its service',
    open: () => PodmanNode.open({ backend: 'netavark', service: true }),
    options: asIs,
    subnet: '10.88.',
    bridge: 'podman0',
    publishes: true,
    identity: { identifiedBy: 'podman', runtime: 'podman', labels: true },
    podName: same,
    newNamespace: true,
  },
  {
    name: 'podman with CNI and its service',
    open: () => PodmanNode.open({ backend: 'cni', service: true }),
    options: asIs,
    subnet: '10.88.',
    bridge: 'cni-podman0',
    publishes: true,
    identity: { identifiedBy: 'podman', runtime: 'podman', labels: true },
    podName: same,
    newNamespace: true,
  },
  {
    name: 'podman with CNI, without its service',
    open: () => PodmanNode.open({ backend: 'cni' }),
    options: asIs,
    subnet: '10.88.',
    bridge: 'cni-podman0',
    publishes: true,
    identity: { identifiedBy: 'cni', runtime: null, labels: false },
    podName: same,
    newNamespace: true,
  },
  {
    name: 'ctr --cni',
    open: () => ContainerdNode.open(),
    options: asIs,
    subnet: '10.77.',
    bridge: null,
    publishes: false,
    identity: { identifiedBy: 'cni', runtime: null, labels: false },
    // As containerd names it to plugins, after its own namespace.
    podName: (name) => `default-${name}`,
    newNamespace: true,
  },
  {
    name: 'CRI v1',
    open: () => CriNode.open(),
    options: inShop,
    subnet: '10.77.',
    bridge: null,
    publishes: true,
    identity: { identifiedBy: 'cri', runtime: 'containerd', labels: true },
    podName: same,
    newNamespace: false,
  },
  {
    name: 'CRI v1alpha2 on a bridge',
    open: () => CriNode.open({ version: 'v1alpha2', network: 'bridge' }),
    options: inShop,
    subnet: '10.78.',
    bridge: 'cni0',
    publishes: true,
    identity: { identifiedBy: 'cri', runtime: 'containerd', labels: true },
    podName: same,
    newNamespace: false,
  },
];
