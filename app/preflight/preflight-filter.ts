import type { PreflightFinding, PreflightPod } from '../../contract/preflight.ts';
import {
  type PreflightReason,
  type PreflightVerdict,
  preflightReasons,
  preflightVerdicts,
} from '../../contract/preflight-reasons.ts';
import type { TableSorting } from '../_components/table/table-column.ts';
import { maxLinkedPods } from '../_lib/preflight-link.ts';
import { verdictLabels } from './text.ts';

const sortKeys = ['verdict', 'pod', 'kind', 'found', 'unchecked'] as const;
export type PreflightSortKey = (typeof sortKeys)[number];

/** What the preflight page shows: the pods that are looked at, the filter among them, and the pod that is open. */
export interface PreflightView extends TableSorting<PreflightSortKey> {
  /** Pods by `namespace.name`; empty: by the selector, or all. */
  pods: readonly string[];
  /** Labels, `name=value,name=value`; empty: none. */
  selector: string;
  text: string;
  verdicts: readonly PreflightVerdict[];
  reason: PreflightReason | null;
  /** Pod whose preflight is open, by `namespace.name`. */
  open: string | null;
}

export const emptyPreflightFilter = { text: '', verdicts: [], reason: null } as const;

const list = (text: string | null): string[] => (text ?? '').split(',').filter((each) => each !== '');

/** Parses the page's state from a URL query; ignores unknown values. */
export function parsePreflightView(query: URLSearchParams): PreflightView {
  const verdicts = list(query.get('verdict'));
  const reason = query.get('reason');
  return {
    pods: list(query.get('pods')).slice(0, maxLinkedPods),
    selector: isSelector(query.get('selector') ?? '') ? (query.get('selector') ?? '') : '',
    text: query.get('q') ?? '',
    verdicts: preflightVerdicts.filter((verdict) => verdicts.includes(verdict)),
    reason: reason !== null && Object.hasOwn(preflightReasons, reason) ? (reason as PreflightReason) : null,
    open: query.get('pod') || null,
    sort: sortKeys.find((key) => key === query.get('sort')) ?? 'verdict',
    descending: query.get('order') === 'desc',
  };
}

/** Converts the page's state to a URL query without defaults, e.g. `verdict=refused&reason=xdp_program`. */
export function buildPreflightQuery(view: PreflightView): string {
  const query = new URLSearchParams();
  if (view.pods.length > 0) query.set('pods', view.pods.join(','));
  if (view.selector !== '') query.set('selector', view.selector);
  if (view.text !== '') query.set('q', view.text);
  if (view.verdicts.length > 0) query.set('verdict', view.verdicts.join(','));
  if (view.reason !== null) query.set('reason', view.reason);
  if (view.open !== null) query.set('pod', view.open);
  if (view.sort !== 'verdict') query.set('sort', view.sort);
  if (view.descending) query.set('order', 'desc');
  return query.toString().replaceAll('%2C', ',').replaceAll('%3D', '=');
}

const isSelector = (text: string): boolean =>
  text === '' || text.split(',').every((label) => /^[^=]+=/.test(label));

/** Parses labels of the form `name=value,name=value`. */
export const parseLabels = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split(',').map((label) => {
      const equals = label.indexOf('=');
      return [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );

export const isPreflightFiltered = ({ text, verdicts, reason }: PreflightView): boolean =>
  text !== '' || verdicts.length > 0 || reason !== null;

export const nameOf = ({ namespace, name }: { namespace: string; name: string }): string =>
  `${namespace}.${name}`;

/** Returns the pods that match the filter; every word of the text has to occur in a pod's name, verdict or findings. */
export function filterPreflightPods(
  pods: readonly PreflightPod[],
  { text, verdicts, reason }: PreflightView,
): PreflightPod[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return pods.filter(
    ({ pod, verdict, findings }) =>
      (verdicts.length === 0 || verdicts.includes(verdict)) &&
      (reason === null || findings.some((finding) => finding.reason === reason)) &&
      words.every((word) =>
        [
          ...[nameOf(pod), pod.kind, verdictLabels[verdict]],
          ...findings.flatMap((finding) => [
            finding.reason,
            finding.detail,
            preflightReasons[finding.reason].title,
          ]),
        ].some((part) => part.toLowerCase().includes(word)),
      ),
  );
}

/** A finding with the pod that it is about; without one it is the node's. */
export interface NamedFinding extends PreflightFinding {
  pod: string | null;
}

/** Lists the findings of a reason, the node's first. */
export const listFindingsOfReason = (
  reason: PreflightReason,
  ofNode: readonly PreflightFinding[],
  pods: readonly PreflightPod[],
): NamedFinding[] => [
  ...ofNode.filter((each) => each.reason === reason).map((finding) => ({ ...finding, pod: null })),
  ...pods.flatMap(({ pod, findings }) =>
    findings.filter((each) => each.reason === reason).map((finding) => ({ ...finding, pod: nameOf(pod) })),
  ),
];

/** Formats the command that does what the page does. */
export function formatPreflightCommand({ pods, selector }: Pick<PreflightView, 'pods' | 'selector'>): string {
  if (pods.length > 0) return ['podlane preflight', ...pods].join(' ');
  return selector === ''
    ? 'podlane preflight'
    : `podlane preflight --selector '${selector.replaceAll("'", String.raw`'\''`)}'`;
}
