import { type CniConfig, runtimeClassAnnotation } from '../../../contract/cni-config.ts';
import type { PodDescriber, PodDescription } from '../pod-metadata.ts';
import type { PodRegistry } from '../pod-registry.ts';
import type { ContainerCall } from './cni-call.ts';

/** Limits of annotations that are kept with a container, which others may fill with anything. */
const maxAnnotations = 32;
const maxAnnotationLength = 256;

/** Names and metadata of a container, as far as the runtime tells them. */
export interface ContainerMetadata {
  namespace: string;
  name: string;
  uid: string | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtimeClass: string | null;
  /** How the cluster describes it; null if none does. */
  description: PodDescription | null;
}

/**
 * Reads who a container is: a Kubernetes pod by CNI_ARGS, otherwise its id in a namespace with the network's name.
 * @param describe finds how the cluster describes a pod
 */
export async function readContainerMetadata(
  { args, containerId }: ContainerCall,
  config: CniConfig,
  describe: PodDescriber,
): Promise<ContainerMetadata> {
  const podNamespace = args.K8S_POD_NAMESPACE ?? '';
  const podName = args.K8S_POD_NAME ?? '';
  const uid = args.K8S_POD_UID || null;
  const description = podName === '' ? null : await describe(podNamespace, podName, uid);
  const annotations = { ...config.annotations, ...description?.annotations };
  return {
    namespace: toDnsLabel(podNamespace || config.name),
    name: toDnsName(podName || containerId),
    uid,
    labels: keepValid({ ...config.labels, ...description?.labels }),
    annotations,
    runtimeClass: description?.runtimeClass ?? annotations[runtimeClassAnnotation] ?? null,
    description,
  };
}

/** Keeps the annotations that are short enough to be shown; the first ones of many. */
export const boundAnnotations = (annotations: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations)
      .filter(([key, value]) => key.length + value.length <= maxAnnotationLength)
      .slice(0, maxAnnotations),
  );

/**
 * Chooses a pod name that no pod of the node has: a runtime may start a pod's new sandbox before it removes the old one.
 */
export function chooseFreeName(
  registry: PodRegistry,
  namespace: string,
  name: string,
  containerId: string,
): string {
  if (registry.get(`${namespace}.${name}`) === undefined) return name;
  const suffix = toDnsName(containerId)
    .slice(0, 12)
    .replace(/[-.]+$/, '');
  for (let number = 1; ; number++) {
    const end = number === 1 ? suffix : `${suffix}-${number}`;
    const candidate = `${name.slice(0, 252 - end.length).replace(/[-.]+$/, '')}-${end}`;
    if (registry.get(`${namespace}.${candidate}`) === undefined) return candidate;
  }
}

/** Converts text to an RFC 1123 label. */
const toDnsLabel = (text: string): string => toDnsName(text.replaceAll('.', '-'), 63);

/** Converts text to an RFC 1123 subdomain. */
function toDnsName(text: string, limit = 253): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, '-')
    .slice(0, limit)
    .replace(/^[-.]+/, '')
    .replace(/[-.]+$/, '');
  return name === '' ? 'unnamed' : name;
}

/** Keeps labels that a pod can have. */
const keepValid = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).filter(([key, value]) => key !== '' && key.length <= 317 && value.length <= 63),
  );
