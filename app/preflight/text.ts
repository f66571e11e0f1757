import type {
  PreflightOutcome,
  PreflightReason,
  PreflightVerdict,
} from '../../contract/preflight-reasons.ts';
import { formatCount } from '../_lib/format.ts';

/** Interface texts of the preflight page. */
export const preflightText = {
  title: 'Preflight',
  intro: 'Whether pods can be on netkit, and if not, why and what to do. Looking changes nothing.',
  lookAgain: 'Look again',
  looking: 'Looking…',
  copyCommand: 'the command',
  node: 'Node',
  netkitWorks: 'netkit works',
  noNetkit: 'no netkit',
  kernel: 'kernel',
  lookedAt: 'looked at',
  neverLooked: 'What no preflight looks at',
  reasons: 'Reasons',
  noReasons: 'No reasons found: every pod can be on netkit as it is.',
  noReasonsMatch: 'No reason of the pods shown.',
  pods: 'Pods',
  filter: 'Filter pods',
  filterPlaceholder: 'Name, reason, detail',
  pod: 'pod',
  kind: 'kind',
  verdict: 'verdict',
  found: 'found',
  notChecked: 'not checked',
  notCheckedTitle: 'Findings that could not be looked at and do not decide',
  nothingFound: 'nothing',
  noMatch: 'No pod matches',
  noPods: 'No pods to look at',
  noPodsDetail: 'Podlane has no pods on this node. The node itself was looked at.',
  notReached: 'not looked at yet',
  keys: 'Enter shows all that was looked at, / filters',
  showAllPods: 'Show all pods',
  sheetDescription: 'Everything that was looked at for this pod, and what was found',
  lookedAtHeading: 'Looked at',
  openPod: 'Open pod',
  planPromotion: 'Plan promotion…',
  ofNode: 'the node',
} as const;

export const verdictLabels: Readonly<Record<PreflightVerdict, string>> = {
  refused: 'refused',
  unknown: 'unknown',
  ready_with_losses: 'with losses',
  ready: 'ready',
  on_netkit: 'on netkit',
};

export const outcomeLabels: Readonly<Record<PreflightOutcome | 'passed', string>> = {
  refused: 'refuses',
  unknown: 'unknown',
  loss: 'loss',
  not_checked: 'not checked',
  note: 'note',
  passed: 'passed',
};

export const formatPodCount = (pods: number): string => (pods === 1 ? '1 pod' : `${formatCount(pods)} pods`);

/** Says how far a preflight of many pods is: `120 of 1,000 pods looked at`. */
export const formatProgress = (pods: number, remaining: number): string =>
  `${formatCount(pods - remaining)} of ${formatPodCount(pods)} looked at`;

export const formatShownPods = (shown: number, all: number): string =>
  shown === all ? formatPodCount(all) : `${formatCount(shown)} of ${formatPodCount(all)}`;

export const formatSelection = (pods: readonly string[], selector: string): string =>
  selector === '' ? `Only ${formatPodCount(pods.length)} selected` : `Only pods with the labels ${selector}`;

export const formatFilterByReason = (reason: PreflightReason, pods: number): string =>
  `Show only the ${formatPodCount(pods)} with ${reason}`;

export const formatMoreDetails = (more: number): string => `Show ${formatCount(more)} more`;
export const formatOpenPodPreflight = (pod: string): string => `Show all that was looked at for ${pod}`;
export const formatSheetTitle = (pod: string): string => `Preflight of ${pod}`;
