import type { PodIdentity } from '../identity.ts';

/** Maximum length of a namespace and of a name that is made from another text. */
const maxLabel = 63;
/** Namespace of pods of which nothing tells who made them. */
const unknownRuntime = 'node';
/** Syntax of labels, as Kubernetes has it: a prefix that may be absent, a name, and a value that may be empty. */
const labelKey = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Name of a pod, and namespace. */
export interface PodName {
  namespace: string;
  name: string;
}

/**
 * Names a pod after its identity, so that the name is one of Kubernetes and no other pod has it: a number follows where one
 * has.
 * @param isTaken tells whether a pod has a name
 */
export function choosePodName(identity: PodIdentity, isTaken: (name: PodName) => boolean): PodName {
  const namespace =
    toDnsLabel(identity.namespace ?? '') || toDnsLabel(identity.runtime?.name ?? '') || unknownRuntime;
  const base = toDnsLabel(identity.name) || 'pod';
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base.slice(0, maxLabel - 5)}-${number}`;
    if (!isTaken({ namespace, name })) return { namespace, name };
  }
}

/** Makes a DNS label of a text: lowercase, others than letters and digits become -. Empty if nothing is left. */
export const toDnsLabel = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, maxLabel)
    .replaceAll(/^-+|-+$/g, '');

/** Returns the labels of a pod that are labels of Kubernetes; runtimes allow any text. */
export const listValidLabels = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).filter(([key, value]) => labelKey.test(key) && labelValue.test(value)),
  );
