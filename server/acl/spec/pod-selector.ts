import { namespaceLabel, type PodPeer, type Selector, type Subject } from '../../../contract/acl.ts';

/** What the rules know of a pod. `addresses` as text, with or without a prefix length. */
export interface AclPod {
  id: string;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  addresses: readonly string[];
}

type LabelExpression = Selector['matchExpressions'][number];
type Names = Pick<AclPod, 'namespace' | 'labels'>;

function label({ namespace, labels }: Names, key: string): string | undefined {
  if (key === namespaceLabel) return namespace;
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

/** As Kubernetes defines it: `NotIn` holds too where the label is missing. */
export function selects({ matchLabels, matchExpressions }: Selector, pod: Names): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => label(pod, key) === value) &&
    matchExpressions.every((expression) => holds(expression, label(pod, expression.key)))
  );
}

function holds({ operator, values }: LabelExpression, value: string | undefined): boolean {
  if (operator === 'Exists') return value !== undefined;
  if (operator === 'DoesNotExist') return value === undefined;
  return (value !== undefined && values.includes(value)) === (operator === 'In');
}

/** Whether the pod's packets are judged by rules of this subject. */
export function isSubject(subject: Subject, pod: AclPod): boolean {
  if ('all' in subject) return true;
  if ('pod' in subject) return subject.pod === pod.id || subject.pod === `${pod.namespace}.${pod.name}`;
  if (subject.namespace !== undefined && subject.namespace !== pod.namespace) return false;
  return !('selector' in subject) || selects(subject.selector, pod);
}

/** Whether the term means this pod, whichever its addresses. */
export function isPeer(term: PodPeer, pod: AclPod): boolean {
  return (term.namespace === undefined || term.namespace === pod.namespace) && selects(term.pods, pod);
}
