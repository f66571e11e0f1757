import { expect, test, vi } from 'vitest';
import type { Condition } from '../../../contract/condition.ts';
import type { Drift } from '../../../server/datapath/reconcile/drift.ts';
import {
  DriftRepairs,
  type DriftSubject,
  pauseMs,
} from '../../../server/datapath/reconcile/drift-repairs.ts';

/** A pod without a kernel, which keeps its conditions and what was published. */
function newSubject() {
  const conditions = new Map<string, Omit<Condition, 'since'>>();
  const published: string[] = [];
  const again: number[] = [];
  const subject: DriftSubject = {
    name: 'shop/cart',
    conditions: () => [...conditions.keys()],
    setCondition: (key, found) => void (found ? conditions.set(key, found) : conditions.delete(key)),
    publish: async (severity, message) => void published.push(`${severity}: ${message}`),
    runAgain: (ms) => void again.push(ms),
  };
  return {
    subject,
    published,
    again,
    messages: () => [...conditions.values()].map(({ message }) => message),
  };
}

const newDrift = (repair: Drift['repair'], more: Partial<Drift> = {}): Drift => ({
  key: 'mtu 7',
  reason: 'mtu_changed',
  message: 'the MTU was changed',
  remedy: 'set it back',
  repair,
  ...more,
});

test('a repair is reported when the drift is not found any more', async () => {
  const { subject, published, messages } = newSubject();
  let changed = true;
  const repair = () => {
    changed = false;
  };
  await new DriftRepairs().run(subject, async () => (changed ? [newDrift(repair)] : []));
  expect(published).toEqual(['warning: shop/cart: the MTU was changed; repaired']);
  expect(messages()).toEqual([]);
});

test('a repair that the kernel accepts without doing it is not reported as one, but as a condition with a remedy', async () => {
  const { subject, published, messages, again } = newSubject();
  await new DriftRepairs().run(subject, async () => [newDrift(() => undefined)]);
  expect(messages()).toEqual(['the MTU was changed; the repair had no effect']);
  expect(published).toEqual(['error: shop/cart: the MTU was changed; the repair had no effect']);
  expect(again).toHaveLength(1);
});

test('a part of the drift that is left under another key is not taken for repaired', async () => {
  const { subject, messages } = newSubject();
  let key = 'routes a, b';
  const repair = () => {
    key = 'routes b';
  };
  await new DriftRepairs().run(subject, async () => [newDrift(repair, { key, reason: 'route_missing' })]);
  expect(messages()).toEqual(['the MTU was changed; the repair had no effect']);
});

test('a repair that fails becomes a condition, and the other drift is repaired all the same', async () => {
  const { subject, messages } = newSubject();
  const other = vi.fn();
  const drift = [
    newDrift(() => Promise.reject(new Error('EPERM'))),
    newDrift(other, { key: 'down 7', reason: 'link_down' }),
  ];
  await new DriftRepairs().run(subject, async () =>
    other.mock.calls.length > 0 ? drift.slice(0, 1) : drift,
  );
  expect(other).toHaveBeenCalledOnce();
  expect(messages()).toEqual(['the MTU was changed; repairing it failed: EPERM']);
});

test('drift that Podlane must not repair is a condition and one event, and goes with the drift', async () => {
  const { subject, published, messages } = newSubject();
  const repairs = new DriftRepairs();
  for (let i = 0; i < 3; i++) await repairs.run(subject, async () => [newDrift(null)]);
  expect(messages()).toEqual(['the MTU was changed']);
  expect(published).toEqual(['warning: shop/cart: the MTU was changed']);
  await repairs.run(subject, async () => []);
  expect(messages()).toEqual([]);
});

test('programs that are removed for an hour are put back until the end, at most 30 s after each loss', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const { subject, published } = newSubject();
    const repairs = new DriftRepairs();
    let lost = true;
    const times: number[] = [];
    const repair = () => {
      times.push(performance.now());
      lost = false;
    };
    const drift = newDrift(repair, { key: 'programs', reason: 'programs_missing' });
    for (let second = 0; second < 3600; second++) {
      await repairs.run(subject, async () => (lost ? [drift] : []));
      lost = true;
      vi.advanceTimersByTime(1000);
    }
    const gaps = times.slice(1).map((time, index) => time - times[index]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
    expect(times.at(-1)).toBeGreaterThan(times[0]! + 3_500_000);
    // The first repairs and the first pause are worth an event each.
    expect(published).toHaveLength(4);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  [0, 0, 0],
  [2, 0, 0],
  [3, 2000, 2000],
  [5, 8000, 8000],
  [8, 64_000, 30_000],
  [40, 600_000, 30_000],
])(
  'after %i repairs the pause is %i ms, and %i ms for what a pod cannot do without',
  (count, usual, urgent) => {
    expect(pauseMs({ reason: 'mtu_changed' }, count)).toBe(usual);
    expect(pauseMs({ reason: 'programs_missing' }, count)).toBe(urgent);
  },
);
