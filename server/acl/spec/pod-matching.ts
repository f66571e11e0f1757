import {
  type LabelSelector,
  namespaceNameLabel,
  type PodPeer,
  type RuleSubject,
} from '../../../contract/acl.ts';

/** A pod that rules can select as subject or peer. `addresses` may have a prefix length. */
export interface SelectablePod {
  id: string;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
}

type LabelExpression = LabelSelector['matchExpressions'][number];
type Names = Pick<SelectablePod, 'namespace' | 'labels'>;

function label({ namespace, labels }: Names, key: string): string | undefined {
  if (key === namespaceNameLabel) return namespace;
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** Returns true if a pod matches a label selector as in Kubernetes, where `NotIn` also matches a missing label. */
function matchesSelector({ matchLabels, matchExpressions }: LabelSelector, pod: Names): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => label(pod, key) === value) &&
    matchExpressions.every((expression) => matchesExpression(expression, label(pod, expression.key)))
  );
}

function matchesExpression({ operator, values }: LabelExpression, value: string | undefined): boolean {
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  return (value !== undefined && values.includes(value)) === (operator === 'In');
}

/** Returns true if rules with this subject apply to the pod. */
export function matchesRuleSubject(subject: RuleSubject, pod: SelectablePod): boolean {
  if ('all' in subject) return true;
  if ('pod' in subject) return subject.pod === pod.id || subject.pod === `${pod.namespace}.${pod.name}`;
  if (subject.namespace !== undefined && subject.namespace !== pod.namespace) return false;
  return !('selector' in subject) || matchesSelector(subject.selector, pod);
}

/** Returns true if the peer term selects the pod. */
export function matchesPodPeer(term: PodPeer, pod: SelectablePod): boolean {
  return (
    (term.namespace === undefined || term.namespace === pod.namespace) && matchesSelector(term.pods, pod)
  );
}
