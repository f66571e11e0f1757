/** One pod of the lab, before the agent knows it. */
export interface LabPod {
  app: string;
  namespace: string;
  name: string;
  /** CIDRs, the IPv4 one first */
  addresses: [string, string];
  labels: Record<string, string>;
}

const pod = (namespace: string, app: string, replica: string, host: number): LabPod => ({
  app,
  namespace,
  name: `${app}-${replica}`,
  addresses: [`10.42.0.${host}/32`, `fd42::${host}/128`],
  labels: { app, 'app.kubernetes.io/part-of': namespace, 'pod-template-hash': replica.split('-')[0]! },
});

/** The six pods, the same in every lab: who looked at one yesterday finds it again. */
export const labPods: readonly LabPod[] = [
  pod('shop', 'web', '6f5c9d7b8d-4jmtw', 32),
  pod('shop', 'cart', '7c9d8b6f4-x2kqp', 33),
  pod('shop', 'catalogue', '58d6c4f9b7-q8zvn', 34),
  pod('shop', 'payments', '84b7f6c95c-hx5lg', 35),
  pod('batch', 'indexer', '5b9f7d8c64-t7rks', 36),
  pod('batch', 'worker', '7d4b8f9c56-9wzpd', 37),
];

/** Where the pods' packets go that leave the node: a service beyond the uplink. */
export const outsideService = { app: 'outside', address: '10.41.0.1', node: '10.41.0.2', prefix: 24 } as const;

/** The pods' addresses as one route, for the way back from outside. */
export const labPodNetwork = '10.42.0.0/24';

/** The network namespace that stands for the node where the lab does not use the running one. */
export const labHostNetnsName = (lab: string): string => `podlane-${lab}`;

/** The network namespace of a pod, or of outside, in the lab called `lab`. */
export const labNetnsName = (lab: string, app: string): string => `podlane-${lab}-${app}`;

/** A lab's name goes into names of namespaces and paths. */
export const labNamePattern = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;
