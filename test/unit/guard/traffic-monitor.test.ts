import { describe, expect, test } from 'vitest';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import {
  DeviceTrafficMonitor,
  type DeviceTrafficTotals,
} from '../../../server/datapath/guard/traffic-monitor.ts';

const rules = {
  ...guardThresholdDefaults,
  dropShare: 0.5,
  dropsPerSecond: 100,
  dropSeconds: 10,
  oneSidedPerSecond: 100,
  oneSidedSeconds: 60,
};
type Rates = Partial<Omit<DeviceTrafficTotals, 'at'>>;

/** Feeds whole seconds at these rates, on top of what was before. */
function feeder() {
  const traffic = new DeviceTrafficMonitor();
  const totals = { at: 0, egress: 0, ingress: 0, dropped: 0, probes: 0 };
  let silent = traffic.add({ ...totals }, rules);
  const feed = (seconds: number, rates: Rates) => {
    for (let i = 0; i < seconds; i++) {
      totals.at += 1000;
      for (const key of ['egress', 'ingress', 'dropped', 'probes'] as const) totals[key] += rates[key] ?? 0;
      silent = traffic.add({ ...totals }, rules);
    }
    return silent;
  };
  return { traffic, feed };
}

describe('drops by Podlane’s programs', () => {
  test('fail at both thresholds together, over the whole window, with the figures as evidence', () => {
    const { traffic, feed } = feeder();
    feed(9, { egress: 100, dropped: 150 });
    expect(traffic.drops(rules).state).toBe('unknown');
    feed(1, { egress: 100, dropped: 150 });
    expect(traffic.drops(rules)).toEqual({
      state: 'failing',
      evidence:
        'Podlane’s programs dropped 1,500 of 2,500 packets in 10 s: 150/s, 60 % (thresholds 100/s and 50 %)',
      since: 0,
    });
  });

  test('are healthy when they are many but a small share, or a large share of few', () => {
    const many = feeder();
    many.feed(20, { egress: 1000, dropped: 500 });
    expect(many.traffic.drops(rules).state).toBe('healthy');
    const few = feeder();
    few.feed(20, { egress: 1, dropped: 50 });
    expect(few.traffic.drops(rules).state).toBe('healthy');
  });

  test('from before the window or before an action do not count', () => {
    const { traffic, feed } = feeder();
    feed(10, { dropped: 1000 });
    feed(10, { egress: 1000 });
    expect(traffic.drops(rules).state).toBe('healthy');
    feed(10, { dropped: 5000 });
    traffic.restart();
    feed(5, { egress: 10 });
    expect(traffic.drops(rules).state).toBe('unknown');
    feed(6, { egress: 10 });
    expect(traffic.drops(rules).state).toBe('healthy');
  });
});

describe('one-way traffic', () => {
  test.each(['ingress', 'egress'] as const)(
    'fails when %s, used before, is silent for the whole time',
    (direction) => {
      const { traffic, feed } = feeder();
      const other = direction === 'ingress' ? 'egress' : 'ingress';
      feed(5, { egress: 200, ingress: 200 });
      feed(59, { [other]: 200 });
      expect(traffic.oneSided(rules).state).toBe('healthy');
      feed(1, { [other]: 200 });
      expect(traffic.oneSided(rules)).toMatchObject({ state: 'failing', since: 5000 });
      expect(traffic.oneSided(rules).evidence).toContain('12,000 packets');
      feed(1, { ingress: 200, egress: 200 });
      expect(traffic.oneSided(rules).state).toBe('healthy');
    },
  );

  test('is healthy for a pod that always had it, and below the rate', () => {
    const sender = feeder();
    sender.feed(600, { egress: 5000 });
    expect(sender.traffic.oneSided(rules).state).toBe('healthy');
    const idle = feeder();
    idle.feed(5, { egress: 200, ingress: 200 });
    idle.feed(600, { egress: 20 });
    expect(idle.traffic.oneSided(rules).state).toBe('healthy');
  });

  test('does not count the guard’s own probes as traffic', () => {
    const { traffic, feed } = feeder();
    feed(5, { egress: 200, ingress: 200 });
    feed(60, { egress: 200, ingress: 1, probes: 1 });
    expect(traffic.oneSided(rules).state).toBe('failing');
    const probed = feeder();
    probed.feed(600, { egress: 200, ingress: 1, probes: 1 });
    expect(probed.traffic.oneSided(rules).state).toBe('healthy');
  });

  test('keeps over an action which directions the pod uses', () => {
    const { traffic, feed } = feeder();
    feed(5, { egress: 200, ingress: 200 });
    traffic.restart();
    feed(62, { egress: 200 });
    expect(traffic.oneSided(rules).state).toBe('failing');
  });
});

test('a busy direction that falls silent is noticed in the same round', () => {
  const { feed } = feeder();
  expect(feed(3, { egress: 50, ingress: 50 })).toBe(false);
  expect(feed(1, { ingress: 50 })).toBe(true);
  expect(feed(1, { ingress: 50 })).toBe(false);
});
