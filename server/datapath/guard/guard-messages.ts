import type { Condition } from '../../../contract/condition.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { GuardAction, GuardThresholdOverrides, GuardThresholds } from '../../../contract/guard.ts';
import type { NewEvent } from '../../store/records.ts';
import { formatPodName } from '../datapath-context.ts';
import type { LivePod } from '../pod-registry.ts';
import type { PodGuardState } from './guard-state-store.ts';

/**
 * Returns the condition of a pod that the guard moved to veth or gave up on, or null while the guard only watches
 * the pod.
 */
export function guardCondition({
  escalation: { stage, because },
}: PodGuardState): Omit<Condition, 'since'> | null {
  if (stage === 'fallen-back')
    return {
      reason: 'guard_acted',
      message: `the guard moved it to veth: ${because.join('; ')}`,
      remedy: 'Remove the cause, migrate the pod to netkit, and resume the guard.',
    };
  if (stage === 'left-alone')
    return {
      reason: 'guard_acted',
      message: `automatic recovery failed and has stopped: ${because.join('; ')}`,
      remedy: 'Remove the cause, then resume the guard of this pod.',
    };
  return null;
}

/** Status of a pod whose probes fail while the probes of most other pods fail too. */
export const nodeWideFailureMessage =
  'Probes of most pods on this node fail at once. The cause is not this pod’s device, so the guard takes no action.';

/** Formats the guard's current status for a pod. */
export function guardStatusMessage(
  { escalation }: PodGuardState,
  kind: DeviceKind,
  thresholds: GuardThresholds,
): string {
  const { stage, repairs } = escalation;
  if (!thresholds.on) return 'The guard is off: it measures nothing and takes no action.';
  if (stage === 'left-alone')
    return 'Automatic recovery has stopped for this pod. The guard keeps measuring and takes no action until it is resumed.';
  if (stage === 'fallen-back')
    return 'The guard moved the pod to veth and never moves it back by itself. If the pod fails on veth too, recovery stops.';
  if (stage === 'falling-back') return 'The guard is moving the pod to veth.';
  if (kind === 'veth') return 'The guard watches pods on netkit; this one is on veth.';
  const left = Math.max(0, thresholds.repairs - repairs.length);
  const times = left === thresholds.repairs ? '' : ` up to ${left} more times`;
  return `The guard is watching. If a signal fails, it repairs the programs${times}, then moves the pod to veth, then stops.`;
}

const actionEvents = {
  repair: { type: 'guard.repaired', severity: 'warning', done: 'the guard reattached the programs of' },
  fallback: { type: 'guard.fallback', severity: 'warning', done: 'the guard moves to veth' },
  'leave-alone': {
    type: 'guard.left-alone',
    severity: 'error',
    done: 'the guard stopped automatic recovery of',
  },
  resume: { type: 'guard.resumed', severity: 'info', done: 'the guard watches again' },
} as const;

/** Event templates of the guard; each message includes the evidence. */
export const guardEventTemplates = {
  action(pod: LivePod, { action, because, failure, migrationId }: GuardAction): NewEvent {
    const { type, severity, done } = actionEvents[action];
    const failed = failure === null ? '' : `; that failed: ${failure}`;
    return {
      type,
      severity: failure === null ? severity : 'error',
      podId: pod.record.id,
      migrationId,
      message: `${done} ${formatPodName(pod)}: ${because.join('; ')}${failed}`,
    };
  },
  resumed: (pod: LivePod, actor: string): NewEvent => ({
    type: 'guard.resumed',
    severity: 'info',
    podId: pod.record.id,
    migrationId: null,
    message: `${actor} resumed automatic recovery of ${formatPodName(pod)}`,
  }),
  /** Formats the event of changed guard settings. @param subject name of the pod, or `the node` */
  settingsChanged: (
    podId: string | null,
    subject: string,
    choice: GuardThresholdOverrides | null,
    actor: string,
  ): NewEvent => ({
    type: 'guard.changed',
    severity: 'info',
    podId,
    migrationId: null,
    message: `${actor} set the guard of ${subject}: ${
      Object.entries(choice ?? {})
        .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
        .join(', ') || (podId === null ? 'the defaults' : 'as for the node')
    }`,
  }),
};
