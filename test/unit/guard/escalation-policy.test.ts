import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import {
  type EscalationInput,
  type EscalationState,
  initialEscalationState,
  isNodeWideFailure,
  nextEscalationAction,
} from '../../../server/datapath/guard/escalation-policy.ts';

const rules = { ...guardThresholdDefaults, repairs: 2, repairSeconds: 600, coolDownSeconds: 10 };
const failing: EscalationInput = {
  kind: 'netkit',
  busy: false,
  failing: ['our program is not on netkit/peer'],
};

/** Goes through rounds of a second; the kind follows a fallback when `obeys`. */
function escalate(
  situations: (round: number, kind: DeviceKind) => EscalationInput,
  rounds: number,
  obeys = true,
) {
  let state: EscalationState = initialEscalationState;
  let kind: DeviceKind = 'netkit';
  const actions: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const step = nextEscalationAction(state, situations(round, kind), rules, round * 1000);
    state = step.state;
    if (step.action) actions.push(`${round} ${step.action.action}`);
    if (step.action?.action === 'fallback' && obeys) kind = 'veth';
  }
  return { state, actions };
}

describe('the escalation policy', () => {
  test('repairs at once, falls back when repairs do not last, and stops when veth does not help either', () => {
    const { state, actions } = escalate((_, kind) => ({ ...failing, kind }), 600);
    expect(actions).toEqual(['0 repair', '10 repair', '20 fallback', '30 leave-alone']);
    expect(state).toMatchObject({ stage: 'left-alone', because: failing.failing });
  });

  test('stays on veth when the pod is healthy there, and never moves back', () => {
    const { state, actions } = escalate(
      (_, kind) => ({ ...failing, kind, failing: kind === 'netkit' ? failing.failing : [] }),
      3600,
    );
    expect(actions.at(-1)).toBe('20 fallback');
    expect(state.stage).toBe('fallen-back');
  });

  test('stops acting on a pod whose fallback was refused', () => {
    expect(escalate(() => failing, 600, false).actions).toEqual([
      '0 repair',
      '10 repair',
      '20 fallback',
      '30 leave-alone',
    ]);
  });

  test('forgets repairs that lasted', () => {
    const now = 1_000_000;
    const state = {
      ...initialEscalationState,
      lastAction: now - 700_000,
      repairs: [now - 800_000, now - 700_000],
    };
    expect(nextEscalationAction(state, failing, rules, now)).toMatchObject({
      action: { action: 'repair' },
      state: { repairs: [now] },
    });
  });

  test('watches a pod again, after the cool-down, that a person promoted again', () => {
    const state: EscalationState = { stage: 'fallen-back', lastAction: 0, repairs: [0], because: ['x'] };
    expect(nextEscalationAction(state, failing, rules, 9_000)).toEqual({
      state: { ...initialEscalationState, lastAction: 0 },
      action: null,
    });
    expect(nextEscalationAction(state, failing, rules, 10_000).action?.action).toBe('repair');
  });

  test('takes no action on a pod on veth that it did not move there', () => {
    expect(escalate(() => ({ ...failing, kind: 'veth' }), 100).actions).toEqual([]);
  });
});

test('failing probes of most pods are the node’s fault, those of one or two pods are not', () => {
  expect([
    isNodeWideFailure(1, 1),
    isNodeWideFailure(2, 2),
    isNodeWideFailure(3, 3),
    isNodeWideFailure(25, 50),
    isNodeWideFailure(26, 50),
  ]).toEqual([false, false, true, false, true]);
});

const anyState: fc.Arbitrary<EscalationState> = fc.record({
  stage: fc.constantFrom('watching', 'falling-back', 'fallen-back', 'left-alone'),
  lastAction: fc.option(fc.nat(100_000)),
  repairs: fc.array(fc.nat(100_000), { maxLength: 4 }),
  because: fc.array(fc.constant('x'), { maxLength: 2 }),
});
const anySituation: fc.Arbitrary<EscalationInput> = fc.record({
  kind: fc.constantFrom('netkit', 'veth'),
  busy: fc.boolean(),
  failing: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
});
const anyRules = fc.record({
  on: fc.boolean(),
  repairs: fc.nat(5),
  repairSeconds: fc.integer({ min: 10, max: 1000 }),
  coolDownSeconds: fc.integer({ min: 1, max: 100 }),
});

describe('in every sequence of situations', () => {
  test('two actions are at least a cool-down apart', () => {
    fc.assert(
      fc.property(
        anyState,
        anyRules,
        fc.array(fc.tuple(anySituation, fc.nat(20_000)), { maxLength: 60 }),
        (start, rules, rounds) => {
          let state = start;
          let now = 100_000;
          let last = start.lastAction;
          for (const [situation, later] of rounds) {
            now += later;
            const step = nextEscalationAction(state, situation, rules, now);
            state = step.state;
            if (!step.action) continue;
            if (last !== null) expect(now - last).toBeGreaterThanOrEqual(rules.coolDownSeconds * 1000);
            last = now;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('nothing is done while it is off, the pod is busy or leaving, or nothing fails and no fallback is open', () => {
    fc.assert(
      fc.property(anyState, anySituation, anyRules, fc.nat(1_000_000), (state, situation, rules, now) => {
        const { action } = nextEscalationAction(state, situation, rules, now);
        if (!rules.on || situation.busy || state.stage === 'left-alone') expect(action).toBeNull();
        if (situation.failing.length === 0 && state.stage !== 'falling-back') expect(action).toBeNull();
        if (action?.action === 'repair' || action?.action === 'fallback')
          expect(situation.kind).toBe('netkit');
      }),
      { numRuns: 5000 },
    );
  });

  test('a signal that keeps failing ends recovery, after no more actions than the policy has steps', () => {
    fc.assert(
      fc.property(anyRules, fc.boolean(), fc.boolean(), (given, obeys, flickers) => {
        // Repairs that take longer than they count do not escalate.
        const rules = { ...given, on: true, repairSeconds: given.repairs * given.coolDownSeconds * 2 + 10 };
        let state = initialEscalationState;
        let kind: DeviceKind = 'netkit';
        let actions = 0;
        for (let now = 0; state.stage !== 'left-alone'; now += rules.coolDownSeconds * 500) {
          const well = flickers && Math.floor(now / 1000) % 2 === 1;
          const step = nextEscalationAction(
            state,
            { kind, busy: false, failing: well ? [] : ['x'] },
            rules,
            now,
          );
          state = step.state;
          if (step.action) actions++;
          if (step.action?.action === 'fallback' && obeys) kind = 'veth';
          expect(now).toBeLessThan(3_600_000_000);
        }
        expect(actions).toBeLessThanOrEqual(rules.repairs + 2);
      }),
      { numRuns: 500 },
    );
  });
});
