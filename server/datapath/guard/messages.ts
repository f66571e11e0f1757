import type { DeviceKind } from '../../../contract/device.ts';
import type { GuardAction, GuardChoice, GuardThresholds } from '../../../contract/guard.ts';
import { type NewEvent, podName } from '../context.ts';
import type { LivePod } from '../pod-registry.ts';
import type { GuardState } from './state.ts';

/** What wants looking at; null while the guard has done nothing that stays. */
export function conditionMessage({ ladder: { stage, because } }: GuardState): string | null {
  if (stage === 'fallen-back') return `the guard moved it to veth: ${because.join('; ')}`;
  if (stage === 'left-alone') return `the guard could not help and leaves it alone: ${because.join('; ')}`;
  return null;
}

/** Of pods whose probes fail with those of most others. */
export const nodeWideFailureMessage =
  'Probes of most pods of the node fail at once. That is not this pod’s device, so the guard does nothing about them.';

/** What the guard does with the pod now. */
export function stateMessage({ ladder }: GuardState, kind: DeviceKind, thresholds: GuardThresholds): string {
  const { stage, repairs } = ladder;
  if (!thresholds.on) return 'The guard is off: it measures nothing and does nothing.';
  if (stage === 'left-alone')
    return 'The guard has left the pod alone: it measures, and does nothing until somebody lets it watch again.';
  if (stage === 'fallen-back')
    return 'The guard moved the pod to veth and never moves it back. If veth fails too, it leaves the pod alone.';
  if (stage === 'falling-back') return 'The guard is moving the pod to veth.';
  if (kind === 'veth') return 'The guard watches pods on netkit; this one is on veth.';
  const left = Math.max(0, thresholds.repairs - repairs.length);
  return `The guard watches. Should a signal fail, it repairs${left === thresholds.repairs ? '' : ` ${left} more times`}, then moves the pod to veth, then leaves it alone.`;
}

const acts = {
  repair: { type: 'guard.repaired', severity: 'warning', done: 'the guard attached the programs of' },
  fallback: { type: 'guard.fallback', severity: 'warning', done: 'the guard moves to veth' },
  'leave-alone': { type: 'guard.left-alone', severity: 'error', done: 'the guard leaves alone' },
  resume: { type: 'guard.resumed', severity: 'info', done: 'the guard watches again' },
} as const;

/** Events of the guard. The message carries the evidence. */
export const guardEvents = {
  act(pod: LivePod, { act, because, failure, migrationId }: GuardAction): NewEvent {
    const { type, severity, done } = acts[act];
    const again = act === 'repair' ? ' again' : '';
    const failed = failure === null ? '' : `; that failed: ${failure}`;
    return {
      type,
      severity: failure === null ? severity : 'error',
      podId: pod.record.id,
      migrationId,
      message: `${done} ${podName(pod)}${again}: ${because.join('; ')}${failed}`,
    };
  },
  resumed: (pod: LivePod, actor: string): NewEvent => ({
    type: 'guard.resumed',
    severity: 'info',
    podId: pod.record.id,
    migrationId: null,
    message: `${actor} lets the guard watch ${podName(pod)} again`,
  }),
  /** @param whom the pod's name, or `the node` */
  settingsChanged: (
    podId: string | null,
    whom: string,
    choice: GuardChoice | null,
    actor: string,
  ): NewEvent => ({
    type: 'guard.changed',
    severity: 'info',
    podId,
    migrationId: null,
    message: `${actor} set the guard of ${whom}: ${
      Object.entries(choice ?? {})
        .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
        .join(', ') || (podId === null ? 'the defaults' : 'as for the node')
    }`,
  }),
};
