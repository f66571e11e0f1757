import type { PodPort } from '../../../contract/pod-port.ts';
import {
  type LabelSelector,
  namespaceNameLabel,
  type PodPeer,
  type RuleSubject,
} from '../../../contract/rule-set.ts';

/** A pod that rules can select as subject or peer. `addresses` may have a prefix length. */
export interface SelectablePod {
  id: string;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
  /** Ports that rules can name; none if missing. */
  ports?: readonly PodPort[];
  /** Labels of the pod's namespace, besides that of its name; none if missing. */
  namespaceLabels?: Readonly<Record<string, string>>;
}

type LabelExpression = LabelSelector['matchExpressions'][number];
/** Returns the value of a label; undefined where it is missing. */
type LabelReader = (key: string) => string | undefined;

const readPodLabel =
  ({ labels }: SelectablePod): LabelReader =>
  (key) =>
    Object.hasOwn(labels, key) ? labels[key] : undefined;

const readNamespaceLabel =
  ({ namespace, namespaceLabels = {} }: SelectablePod): LabelReader =>
  (key) => {
    if (key === namespaceNameLabel) return namespace;
    return Object.hasOwn(namespaceLabels, key) ? namespaceLabels[key] : undefined;
  };

/** Returns true if labels match a selector as in Kubernetes, where `NotIn` also matches a missing label. */
function matchesSelector({ matchLabels, matchExpressions }: LabelSelector, label: LabelReader): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => label(key) === value) &&
    matchExpressions.every((expression) => matchesExpression(expression, label(expression.key)))
  );
}

function matchesExpression({ operator, values }: LabelExpression, value: string | undefined): boolean {
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  return (value !== undefined && setOf(values).has(value)) === (operator === 'In');
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** Returns the values as a set, since a long list is compared with every pod. */
function setOf(values: readonly string[]): ReadonlySet<string> {
  const known = sets.get(values);
  if (known) return known;
  const set = new Set(values);
  sets.set(values, set);
  return set;
}

/**
 * Returns true if pod and namespace match. Selectors of the pod only read its own labels where the rule has a selector
 * of namespaces; else the label with the namespace's name stands for the namespace.
 */
function matchesPod(
  pods: LabelSelector,
  namespace: string | undefined,
  namespaces: LabelSelector | undefined,
  pod: SelectablePod,
): boolean {
  if (namespace !== undefined && namespace !== pod.namespace) return false;
  const own = readPodLabel(pod);
  const ofNamespace = readNamespaceLabel(pod);
  if (namespaces) return matchesSelector(namespaces, ofNamespace) && matchesSelector(pods, own);
  return matchesSelector(pods, (key) => (key === namespaceNameLabel ? ofNamespace(key) : own(key)));
}

/** Returns true if rules with this subject apply to the pod. */
export function matchesRuleSubject(subject: RuleSubject, pod: SelectablePod): boolean {
  if ('all' in subject) return true;
  if ('pod' in subject) return subject.pod === pod.id || subject.pod === `${pod.namespace}.${pod.name}`;
  if ('selector' in subject) return matchesPod(subject.selector, subject.namespace, subject.namespaces, pod);
  return subject.namespace === pod.namespace;
}

/** Returns true if the peer term selects the pod. */
export const matchesPodPeer = ({ pods, namespace, namespaces }: PodPeer, pod: SelectablePod): boolean =>
  matchesPod(pods, namespace, namespaces, pod);
