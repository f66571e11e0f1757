import type { DeviceKind } from '../../../contract/device.ts';
import type { GuardStage, GuardThresholds } from '../../../contract/guard.ts';

/** How far the guard has gone with a pod. Times are ms since the epoch. */
export interface EscalationState {
  stage: GuardStage;
  lastAct: number | null;
  /** Times of repairs, as far as they count. */
  repairs: readonly number[];
  /** Why it left `watching`; empty there. */
  because: readonly string[];
}

export interface Situation {
  kind: DeviceKind;
  /** Something else works on the pod, or it is leaving. */
  busy: boolean;
  /** A sentence for each signal that fails. */
  failing: readonly string[];
}

export interface EscalationAction {
  act: 'repair' | 'fallback' | 'leave-alone';
  because: readonly string[];
}

type Rules = Pick<GuardThresholds, 'on' | 'repairs' | 'repairSeconds' | 'coolDownSeconds'>;

export const initialEscalation: EscalationState = {
  stage: 'watching',
  lastAct: null,
  repairs: [],
  because: [],
};

/**
 * What to do with a pod now: repair a few times, then fall back to veth, then leave it alone for good. At most one
 * act in a cool-down, none while it is off or the pod is busy. What is left alone stays so until a person resumes.
 */
export function nextAction(
  state: EscalationState,
  { kind, busy, failing }: Situation,
  rules: Rules,
  now: number,
): { state: EscalationState; act: EscalationAction | null } {
  if (!rules.on || busy || state.stage === 'left-alone') return { state, act: null };
  const settled = applyDeviceKind(state, kind);
  const wait = { state: settled, act: null };
  if (settled.lastAct !== null && now - settled.lastAct < rules.coolDownSeconds * 1000) return wait;

  // The migration is over, or was refused, and the pod is where it was.
  if (settled.stage === 'falling-back') return leaveAlone(settled, settled.because, now);
  if (failing.length === 0) return wait;
  if (settled.stage === 'fallen-back') return leaveAlone(settled, failing, now);
  if (kind !== 'netkit') return wait;

  const repairs = settled.repairs.filter((time) => now - time < rules.repairSeconds * 1000);
  if (repairs.length < rules.repairs)
    return {
      state: { ...settled, lastAct: now, repairs: [...repairs, now] },
      act: { act: 'repair', because: failing },
    };
  return {
    state: { stage: 'falling-back', lastAct: now, repairs, because: failing },
    act: { act: 'fallback', because: failing },
  };
}

/** Whether so many pods fail their probes that the node is at fault, and moving pods would help none. */
export const isNodeWide = (failing: number, probed: number): boolean => failing >= 3 && failing * 2 > probed;

/** What became of a fallback; and a person who promoted the pod again wants it to be watched. */
function applyDeviceKind(state: EscalationState, kind: DeviceKind): EscalationState {
  if (state.stage === 'falling-back' && kind === 'veth') return { ...state, stage: 'fallen-back' };
  if (state.stage === 'fallen-back' && kind === 'netkit')
    return { ...initialEscalation, lastAct: state.lastAct };
  return state;
}

const leaveAlone = (state: EscalationState, because: readonly string[], now: number) => ({
  state: { ...state, stage: 'left-alone' as const, lastAct: now, because },
  act: { act: 'leave-alone' as const, because },
});
