import { describe, expect, test } from 'vitest';
import { findMigrationMarks } from '../../../app/pods/[id]/_charts/migration-flags.ts';
import { parseMigrationSheetState } from '../../../app/pods/[id]/_migration/migration-sheet-state.ts';
import {
  computeDurationWithoutDrain,
  computeMigrationTiming,
  computeTimingDiagramAxis,
} from '../../../app/pods/[id]/_migration/migration-timing.ts';
import {
  findMigrationDisabledReason,
  formatMigrationOutcome,
} from '../../../app/pods/[id]/_migration/text.ts';
import {
  type ExecutedStep,
  isUndoableStep,
  type Migration,
  migrationSteps,
} from '../../../contract/migration.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';

/** A migration whose first `done` steps took 1 ms each, the drain 100 ms. */
function migration(done: number, state: Migration['state'] = 'running'): Migration {
  let at = 0;
  const steps = migrationSteps.map((step, index): ExecutedStep => {
    const ended = index < done;
    const durationMs = step === 'drained' ? 100 : 1;
    const startedMs = at;
    at += durationMs;
    return {
      step,
      description: step,
      undoable: isUndoableStep(step),
      requests: [],
      state: ended ? (state === 'undone' ? 'undone' : 'done') : 'pending',
      startedMs: ended ? startedMs : null,
      durationMs: ended ? durationMs : null,
    };
  });
  const end = (kind: 'netkit' | 'veth', slot: number) => ({
    kind,
    slot,
    primary: { name: `pl${slot}`, ifindex: 2 * slot },
    peer: { name: 'eth0', ifindex: 2 * slot + 1 },
  });
  return {
    id: 'm1',
    startedAt: '2026-11-22T12:00:00.000Z',
    durationMs: state === 'running' ? null : at,
    steps,
    state,
    from: end('netkit', 32),
    to: end('veth', 65),
    result: null,
    error: null,
  } as unknown as Migration;
}

describe('timing', () => {
  test('counts a step from the kernel’s acknowledgement', () => {
    expect(computeMigrationTiming(migration(6), 7)).toMatchObject({
      new: { from: 2, to: null },
      podRoute: 6,
      hostRoute: null,
      end: 7,
    });
  });
  test('of a completed migration has the time for which both devices were up', () => {
    const whole = migration(10, 'done');
    expect(computeMigrationTiming(whole, 0)).toMatchObject({
      bothUp: 106,
      verified: 109,
      end: 109,
      old: { from: 0, to: 108 },
    });
    expect(computeDurationWithoutDrain(whole)).toBe(9);
  });
  test('of a rolled back migration removes the new device at the end', () => {
    expect(computeMigrationTiming({ ...migration(3, 'undone'), durationMs: 3 }, 0).new).toEqual({
      from: 2,
      to: 3,
    });
  });
});

test.each([
  [108.6, 150, 50],
  [9, 10, 2],
  [2172, 2500, 500],
])('the axis of %d ms ends at %d in steps of %d', (end, to, step) => {
  const axis = computeTimingDiagramAxis(end);
  expect(axis.to).toBe(to);
  expect(axis.ticks[1]).toBe(step);
});

test('a migration is marked in the charts where the host’s route moved, and not at all if it was rolled back', () => {
  expect(findMigrationMarks([migration(10, 'done')])).toEqual([
    { id: 'm1', time: Date.parse('2026-11-22T12:00:00.007Z'), from: 'netkit', to: 'veth' },
  ]);
  expect(findMigrationMarks([migration(7, 'undone'), migration(3)])).toEqual([]);
});

describe('formatMigrationOutcome', () => {
  const result = {
    egressPackets: 9,
    ingressPackets: 9,
    packetsOnOldDevice: 0,
    deviceDrops: 2,
    kernelDrops: null,
    requestsOk: 1199,
    requestsFailed: 1,
  };
  test('states the failed requests if they are counted, else the device drops', () => {
    expect(formatMigrationOutcome({ ...migration(10, 'done'), result })).toBe('1 of 1,200 requests failed');
    const uncounted = { ...result, requestsOk: null, requestsFailed: null };
    expect(formatMigrationOutcome({ ...migration(10, 'done'), result: uncounted })).toBe('2 device drops');
    const kernelDrops = [
      { reason: 'NOT_SPECIFIED', packets: 5 },
      { reason: 'OTHERHOST', packets: 3 },
      { reason: 'NO_SOCKET', packets: 1 },
    ];
    expect(formatMigrationOutcome({ ...migration(10, 'done'), result: { ...uncounted, kernelDrops } })).toBe(
      '2 device drops, 4 kernel drops (OTHERHOST 3, NO_SOCKET 1)',
    );
  });
  test('names the step at which the migration was rolled back', () => {
    expect(
      formatMigrationOutcome({ ...migration(3, 'undone'), error: { step: 'addressed' } } as Migration),
    ).toBe('undone at addressed');
  });
});

describe('findMigrationDisabledReason', () => {
  const pod = { state: 'running', device: {} } as Pod;
  const node = (available: boolean) =>
    ({
      capabilities: [
        { name: 'netkit', available, detail: 'RTM_NEWLINK answered EOPNOTSUPP', hint: 'boot 6.7 or later' },
      ],
    }) as NodeInfo;
  test('says for a promotion that the kernel has no netkit, with a hint', () => {
    expect(findMigrationDisabledReason(pod, 'netkit', node(false))).toBe(
      'No netkit on this node: RTM_NEWLINK answered EOPNOTSUPP. Boot 6.7 or later.',
    );
    expect(findMigrationDisabledReason(pod, 'netkit', node(true))).toBeNull();
  });
  test('does not need netkit for a fallback', () => {
    expect(findMigrationDisabledReason(pod, 'veth', node(false))).toBeNull();
  });
  test('refuses a pod that is gone, migrating or without a device', () => {
    expect(findMigrationDisabledReason({ ...pod, state: 'gone' }, 'veth', undefined)).toBe(
      'The pod is gone.',
    );
    expect(findMigrationDisabledReason({ ...pod, state: 'migrating' }, 'veth', undefined)).toMatch(/running/);
    expect(findMigrationDisabledReason({ ...pod, device: null }, 'veth', undefined)).toMatch(
      /device is gone/,
    );
  });
});

test.each([
  [null, null, { show: 'nothing' }],
  ['veth', null, { show: 'plan', to: 'veth' }],
  ['bridge', null, { show: 'nothing' }],
  [null, 'abc', { show: 'migration', id: 'abc' }],
  ['veth', 'abc', { show: 'migration', id: 'abc' }],
])('the address ?migrate=%s&migration=%s shows %o', (migrate, id, state) => {
  expect(parseMigrationSheetState(migrate, id)).toEqual(state);
});
