import type { PodPort } from '../../contract/pod-port.ts';
import { maxPodPorts, podPortSchema } from '../../contract/pod-port.ts';
import type { ApiObject, WatchedResource } from './reflector.ts';

// What is kept of the objects of a cluster: as little as the rules and the dashboard need, since a cluster may have 100,000
// pods of which the API server tells 10 KB each. Fields: k8s.io/api/core/v1, discovery/v1.

/** Longest value of an annotation that is kept, in characters. */
const maxAnnotation = 4096;
/** Most annotations of a pod that are kept. */
const maxAnnotations = 100;
/** Written by kubectl; holds the whole pod. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** A pod of the cluster. */
export interface ClusterPod {
  uid: string;
  namespace: string;
  name: string;
  /** Name of its node; null until it has one. */
  node: string | null;
  labels: Record<string, string>;
  addresses: string[];
  ports: PodPort[];
  /** True if its addresses are those of its node. */
  hostNetwork: boolean;
  /** True if all of its containers have ended for good: its addresses may be another pod's by now. */
  ended: boolean;
}

/** A pod of this node, of which the annotations and the runtime class are kept too. */
export interface NodePod extends ClusterPod {
  annotations: Record<string, string>;
  runtimeClass: string | null;
}

interface ContainerFields {
  restartPolicy?: string;
  ports?: { name?: string; protocol?: string; containerPort?: number }[] | null;
}

interface PodFields extends ApiObject {
  spec?: {
    nodeName?: string;
    hostNetwork?: boolean;
    runtimeClassName?: string | null;
    containers?: ContainerFields[] | null;
    initContainers?: ContainerFields[] | null;
  };
  status?: { phase?: string; podIP?: string; podIPs?: { ip?: string }[] | null };
}

/** Returns what is kept of a pod. */
export function projectPod(object: ApiObject): ClusterPod {
  const { metadata, spec = {}, status = {} } = object as PodFields;
  const addresses = (status.podIPs ?? []).flatMap(({ ip }) => ip || []);
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    node: spec.nodeName || null,
    labels: metadata.labels ?? {},
    addresses: addresses.length > 0 ? addresses : status.podIP ? [status.podIP] : [],
    ports: listNamedPorts([
      ...(spec.containers ?? []),
      // Containers that run beside the others until the pod ends.
      ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
    ]),
    hostNetwork: spec.hostNetwork ?? false,
    ended: status.phase === 'Succeeded' || status.phase === 'Failed',
  };
}

/** Lists the ports that have a name; of two of one name and protocol the first container's counts. */
function listNamedPorts(containers: readonly ContainerFields[]): PodPort[] {
  const found = new Map<string, PodPort>();
  for (const { ports } of containers)
    for (const { name, protocol = 'TCP', containerPort } of ports ?? []) {
      const port = podPortSchema.safeParse({ name, protocol: protocol.toLowerCase(), port: containerPort });
      const key = `${name} ${protocol}`;
      if (port.success && !found.has(key) && found.size < maxPodPorts) found.set(key, port.data);
    }
  return [...found.values()];
}

/** Returns what is kept of a pod of this node. */
export const projectNodePod = (object: ApiObject): NodePod => ({
  ...projectPod(object),
  annotations: Object.fromEntries(
    Object.entries(object.metadata.annotations ?? {})
      .filter(([key, value]) => key !== lastApplied && value.length <= maxAnnotation)
      .slice(0, maxAnnotations),
  ),
  runtimeClass: (object as PodFields).spec?.runtimeClassName || null,
});

export const nodePodsResource = (node: string): WatchedResource<NodePod> => ({
  resource: 'node pods',
  paths: ['/api/v1/pods'],
  fieldSelector: `spec.nodeName=${node}`,
  project: projectNodePod,
});

export const allPodsResource: WatchedResource<ClusterPod> = {
  resource: 'all pods',
  paths: ['/api/v1/pods'],
  project: projectPod,
};

/** A namespace: its labels. */
export const namespacesResource: WatchedResource<Record<string, string>> = {
  resource: 'namespaces',
  paths: ['/api/v1/namespaces'],
  project: ({ metadata }) => metadata.labels ?? {},
};

/** A service with the addresses that packets to it have. */
export interface ClusterService {
  namespace: string;
  name: string;
  addresses: string[];
  ports: { protocol: 'tcp' | 'udp' | 'sctp'; port: number }[];
}

interface ServiceFields extends ApiObject {
  spec?: {
    clusterIP?: string;
    clusterIPs?: string[] | null;
    externalIPs?: string[] | null;
    ports?: { protocol?: string; port: number }[] | null;
  };
  status?: { loadBalancer?: { ingress?: { ip?: string }[] | null } | null };
}

export const servicesResource: WatchedResource<ClusterService> = {
  resource: 'services',
  paths: ['/api/v1/services'],
  project(object) {
    const { metadata, spec = {}, status = {} } = object as ServiceFields;
    const cluster = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
    const balancers = (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip || []);
    const addresses = [...cluster, ...(spec.externalIPs ?? []), ...balancers].filter(
      (address) => address !== '' && address !== 'None',
    );
    if (addresses.length === 0) return null;
    return {
      namespace: metadata.namespace ?? 'default',
      name: metadata.name,
      addresses: [...new Set(addresses)],
      ports: (spec.ports ?? []).map(({ protocol = 'TCP', port }) => ({
        protocol: protocol.toLowerCase() as 'tcp',
        port,
      })),
    };
  },
};

/** Addresses behind a service, with the names of the pods that have them. */
export interface ServiceEndpoints {
  namespace: string;
  service: string;
  endpoints: { address: string; pod: string | null; ready: boolean }[];
}

interface EndpointSliceFields extends ApiObject {
  addressType?: string;
  endpoints?:
    | {
        addresses?: string[] | null;
        conditions?: { ready?: boolean | null } | null;
        targetRef?: { kind?: string; name?: string } | null;
      }[]
    | null;
}

/** Label of a slice with the name of its service. */
const serviceLabel = 'kubernetes.io/service-name';

export const endpointSlicesResource: WatchedResource<ServiceEndpoints> = {
  resource: 'endpoint slices',
  // discovery.k8s.io/v1 is of 1.21.
  paths: ['/apis/discovery.k8s.io/v1/endpointslices', '/apis/discovery.k8s.io/v1beta1/endpointslices'],
  project(object) {
    const { metadata, addressType, endpoints } = object as EndpointSliceFields;
    const service = metadata.labels?.[serviceLabel];
    if (service === undefined || addressType === 'FQDN') return null;
    return {
      namespace: metadata.namespace ?? 'default',
      service,
      endpoints: (endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) =>
        (addresses ?? []).map((address) => ({
          address,
          pod: targetRef?.kind === 'Pod' ? (targetRef.name ?? null) : null,
          // Unknown counts as ready.
          ready: conditions?.ready ?? true,
        })),
      ),
    };
  },
};
