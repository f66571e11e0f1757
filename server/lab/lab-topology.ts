/** Pod of the lab, as it is defined before the agent attaches it. */
export interface LabPod {
  app: string;
  namespace: string;
  name: string;
  /** Addresses in CIDR notation; the IPv4 address comes first. */
  addresses: [string, string];
  labels: Record<string, string>;
}

const pod = (namespace: string, app: string, replica: string, host: number): LabPod => ({
  app,
  namespace,
  name: `${app}-${replica}`,
  addresses: [`10.42.0.${host}/32`, `fd42::${host}/128`],
  labels: { app, 'app.kubernetes.io/part-of': namespace, 'pod-template-hash': replica.replace(/-.*/s, '') },
});

/** The six pods of the lab, with the same names and addresses in every lab. */
export const labPods: readonly LabPod[] = [
  pod('shop', 'web', '6f5c9d7b8d-4jmtw', 32),
  pod('shop', 'cart', '7c9d8b6f4-x2kqp', 33),
  pod('shop', 'catalogue', '58d6c4f9b7-q8zvn', 34),
  pod('shop', 'payments', '84b7f6c95c-hx5lg', 35),
  pod('batch', 'indexer', '5b9f7d8c64-t7rks', 36),
  pod('batch', 'worker', '7d4b8f9c56-9wzpd', 37),
];

/** Service beyond the uplink that the lab's pods send requests to. */
export const labOutsideService = {
  app: 'outside',
  address: '10.41.0.1',
  node: '10.41.0.2',
  prefix: 24,
} as const;

/** CIDR that contains the IPv4 addresses of a lab's pods; the namespace of the outside service routes it to the host. */
export const labPodCidr = '10.42.0.0/24';

/** Returns the name of the lab's host namespace. */
export const formatLabHostNetnsName = (lab: string): string => `podlane-${lab}`;

/** Returns the name of the network namespace of a lab pod or of the outside service. */
export const formatLabNetnsName = (lab: string, app: string): string => `podlane-${lab}-${app}`;

/** Returns the path of the network namespace of a lab pod or of the outside service. */
export const formatLabNetnsPath = (lab: string, app: string): string =>
  `/run/netns/${formatLabNetnsName(lab, app)}`;

/** Pattern of valid lab names, which become part of namespace names and paths. */
export const labNamePattern = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;
