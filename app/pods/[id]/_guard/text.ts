import type { GuardAction, GuardSignal, GuardStage, PodGuard } from '../../../../contract/guard.ts';

/** Interface texts of the section about a pod's guard. */
export const guardText = {
  title: 'Guard',
  thresholds: 'Thresholds',
  switchOff: 'Switch off',
  switchOn: 'Switch on',
  gone: 'The pod is gone.',
  resume: 'Resume',
  dismiss: 'Dismiss',
  resumeFailed: 'The guard was not resumed',
  switchFailed: 'The guard was not switched',

  sheetTitle: 'Guard of this pod',
  sheetDescription: 'Thresholds for this pod only. Empty fields use the node’s settings.',

  actions: 'Guard actions',
  noActions: 'The guard has not acted on this pod.',
  actionFailed: ', failed',
  migration: 'migration',

  signal: 'signal',
  state: 'state',
  evidence: 'evidence',
  since: 'since',
} as const;

/** Returns the label of the stage that a pod's guard is in. */
export function formatGuardStage({ stage, watched, thresholds }: PodGuard): string {
  if (stage === 'watching') return watched ? 'watching' : thresholds.on ? 'not watching' : 'off';
  return stageLabels[stage];
}

const stageLabels: Record<Exclude<GuardStage, 'watching'>, string> = {
  'falling-back': 'moving the pod to veth',
  'fallen-back': 'moved the pod to veth',
  'left-alone': 'automatic recovery stopped',
};

export const guardActionLabels: Record<GuardAction['action'], string> = {
  repair: 'Repaired',
  fallback: 'Moved to veth',
  'leave-alone': 'Automatic recovery stopped',
  resume: 'Resumed',
};

export const guardSignalLabels: Record<GuardSignal, string> = {
  program: 'Programs',
  'cut-off': 'Policy',
  drops: 'Drops',
  'one-sided': 'Bidirectional traffic',
  probe: 'Probe',
};

export const guardSignalStateLabels = {
  healthy: 'OK',
  failing: 'failing',
  unknown: 'unknown',
  off: 'off',
} as const;
