import type { DeviceKind } from '../../../contract/device.ts';
import type { GuardStage, GuardThresholds } from '../../../contract/guard.ts';

/** Stage of the guard's escalation for a pod, with its history. Times are in milliseconds since the epoch. */
export interface EscalationState {
  stage: GuardStage;
  lastAction: number | null;
  /** Times of recent repairs that count toward the repair limit, in milliseconds since the epoch. */
  repairs: readonly number[];
  /** Evidence for leaving the stage `watching`; empty in that stage. */
  because: readonly string[];
}

export interface EscalationInput {
  kind: DeviceKind;
  /** True while an activity of the pod is running, and after the pod is gone. */
  busy: boolean;
  /** Evidence for each failing signal of the guard. */
  failing: readonly string[];
}

export interface EscalationAction {
  action: 'repair' | 'fallback' | 'leave-alone';
  because: readonly string[];
}

type Rules = Pick<GuardThresholds, 'on' | 'repairs' | 'repairSeconds' | 'coolDownSeconds'>;

export const initialEscalationState: EscalationState = {
  stage: 'watching',
  lastAction: null,
  repairs: [],
  because: [],
};

/**
 * Decides the next action for a pod: a few repairs, then the fallback to veth, then none until a person resumes. At
 * most one action in a cool-down, and none while the guard is off or the pod is busy.
 */
export function nextEscalationAction(
  state: EscalationState,
  { kind, busy, failing }: EscalationInput,
  rules: Rules,
  now: number,
): { state: EscalationState; action: EscalationAction | null } {
  if (!rules.on || busy || state.stage === 'left-alone') return { state, action: null };
  const current = applyDeviceKind(state, kind);
  const wait = { state: current, action: null };
  if (current.lastAction !== null && now - current.lastAction < rules.coolDownSeconds * 1000) return wait;

  // The migration ended or was refused, and the pod is still on netkit.
  if (current.stage === 'falling-back') return leaveAlone(current, current.because, now);
  if (failing.length === 0) return wait;
  if (current.stage === 'fallen-back') return leaveAlone(current, failing, now);
  if (kind !== 'netkit') return wait;

  const repairs = current.repairs.filter((time) => now - time < rules.repairSeconds * 1000);
  if (repairs.length < rules.repairs)
    return {
      state: { ...current, lastAction: now, repairs: [...repairs, now] },
      action: { action: 'repair', because: failing },
    };
  return {
    state: { stage: 'falling-back', lastAction: now, repairs, because: failing },
    action: { action: 'fallback', because: failing },
  };
}

/**
 * Returns true if so many pods fail their probes that the node is probably at fault and migrating pods would not
 * help.
 */
export const isNodeWideFailure = (failing: number, probed: number): boolean =>
  failing >= 3 && failing * 2 > probed;

/** Ends a fallback once the pod is on veth, and watches a pod again that a user moved back to netkit. */
function applyDeviceKind(state: EscalationState, kind: DeviceKind): EscalationState {
  if (state.stage === 'falling-back' && kind === 'veth') return { ...state, stage: 'fallen-back' };
  if (state.stage === 'fallen-back' && kind === 'netkit')
    return { ...initialEscalationState, lastAction: state.lastAction };
  return state;
}

const leaveAlone = (state: EscalationState, because: readonly string[], now: number) => ({
  state: { ...state, stage: 'left-alone' as const, lastAction: now, because },
  action: { action: 'leave-alone' as const, because },
});
