import { describe, expect, test } from 'vitest';
import type { PodRates } from '../../../app/_lib/time-series/pod-series.ts';
import {
  type ChartPoint,
  downsample,
  findGaps,
  nearestPoint,
  rowsByKind,
} from '../../../app/pods/[id]/_charts/downsample.ts';
import { flagPositions } from '../../../app/pods/[id]/_charts/event-flags.ts';
import { createRecorder } from '../../../app/pods/[id]/_charts/recorder.ts';

const point = (second: number, kind: ChartPoint['kind'] = 'netkit', ingressPackets = second): ChartPoint => ({
  time: second * 1000,
  kind,
  egressPackets: 0,
  ingressPackets,
  egressBits: 0,
  ingressBits: 0,
  drops: [second, 0, 0],
  egressCores: null,
  ingressCores: null,
  nsOut: null,
  nsIn: null,
});

describe('gapsOf', () => {
  test('a missing second is a gap between its neighbours', () => {
    expect(findGaps([point(1), point(2), point(4)], 0, 4000)).toEqual([{ from: 2000, to: 4000 }]);
  });
  test('the time since the last sample is one too', () => {
    expect(findGaps([point(1)], 0, 5000)).toEqual([{ from: 1000, to: 5000 }]);
  });
  test('nothing is missing before the first sample', () => {
    expect(findGaps([point(50), point(51)], 0, 51_500)).toEqual([]);
  });
  test('a gap is cut at the window', () => {
    expect(findGaps([point(1), point(9)], 5000, 9000)).toEqual([{ from: 5000, to: 9000 }]);
  });
});

describe('thin', () => {
  const minute = Array.from({ length: 60 }, (_, second) => point(second));
  test('leaves points alone that are far enough apart', () => {
    expect(downsample(minute, 60_000, 300)).toEqual(minute);
  });
  test('joins the points of a stretch to their mean, drops by reason too', () => {
    const [first] = downsample(minute, 60_000, 12);
    expect(first).toMatchObject({ time: 4000, ingressPackets: 2, drops: [2, 0, 0] });
  });
  test('starts stretches at fixed times, so that they do not change as the window moves', () => {
    const later = downsample(minute.slice(7), 60_000, 12).slice(1, 4);
    expect(later).toEqual(downsample(minute, 60_000, 12).slice(2, 5));
  });
  test('never joins two kinds', () => {
    const mixed = [point(0), point(1), point(2, 'veth'), point(3, 'veth')];
    expect(downsample(mixed, 60_000, 12).map(({ kind }) => kind)).toEqual(['netkit', 'veth']);
  });
  test('keeps cost unknown where none of a stretch is known', () => {
    const known = { ...point(1), nsOut: 200 };
    expect(downsample([point(0), known], 60_000, 12)[0]).toMatchObject({ nsOut: 200, nsIn: null });
  });
});

describe('rowsOf', () => {
  const rows = (points: ChartPoint[]) =>
    rowsByKind(
      points,
      (each) => each.ingressPackets,
      () => null,
      1750,
    );
  test('a trace has the kind that carried it; both share the point of the switch', () => {
    const [first, second] = rows([point(1, 'netkit'), point(2, 'veth')]);
    expect(first).toMatchObject({ netkitUp: 1, vethUp: null });
    expect(second).toMatchObject({ netkitUp: 2, vethUp: 2 });
  });
  test('nothing is drawn across a gap', () => {
    expect(rows([point(1), point(4)])[1]).toMatchObject({ time: 2500, netkitUp: null, vethUp: null });
  });
});

test('nearest finds the point by time, within reach only', () => {
  const points = [point(1), point(2), point(5)];
  expect(nearestPoint(points, 2400, 1000)?.time).toBe(2000);
  expect(nearestPoint(points, 4100, 1000)?.time).toBe(5000);
  expect(nearestPoint(points, 3500, 1000)).toBeNull();
  expect(nearestPoint([], 1, 1000)).toBeNull();
});

describe('a recorder', () => {
  const rates = (second: number, egressPackets: number): PodRates =>
    ({
      time: second * 1000,
      kind: 'veth',
      slot: 1,
      egressPackets,
      ingressPackets: 0,
      egressBits: 0,
      ingressBits: 0,
      egressRedirectedPackets: 0,
      egressDroppedPackets: 10,
      ingressDroppedPackets: 0,
      dropMalformed: 10,
      dropUnknownProtocol: 0,
      dropSpoofedSource: 0,
    }) as PodRates;
  const programs = { netkit: { out: 1, in: 2 }, veth: { out: 3, in: null } };

  test('takes no reading twice, and none without an earlier one to compare with', () => {
    const recorder = createRecorder(10);
    expect(recorder.addRates(rates(1, Number.NaN))).toBe(false);
    expect(recorder.addRates(rates(2, 5))).toBe(true);
    expect(recorder.addRates(rates(2, 5))).toBe(false);
  });

  test('forgets what is older than its capacity', () => {
    const recorder = createRecorder(2);
    for (const second of [1, 2, 3]) recorder.addRates(rates(second, 1));
    expect(recorder.readings.map(({ time }) => time)).toEqual([2000, 3000]);
  });

  test('charges the pod its own runs, dropped ones too, at the program’s mean time', () => {
    const recorder = createRecorder(10);
    recorder.addRates(rates(2, 990));
    recorder.addCosts({ time: 2040, ns: new Map([[3, 200]]) });
    const [only] = recorder.points(0, programs);
    expect(only).toMatchObject({ nsOut: 200, nsIn: null, ingressCores: null });
    expect(only?.egressCores).toBeCloseTo((1000 * 200) / 1e9, 12);
  });

  test('knows no cost of a second that the node sample misses', () => {
    const recorder = createRecorder(10);
    recorder.addRates(rates(2, 990));
    recorder.addRates(rates(9, 990));
    recorder.addCosts({ time: 2040, ns: new Map([[3, 200]]) });
    expect(recorder.points(0, programs).map(({ nsOut }) => nsOut)).toEqual([200, null]);
  });
});

test('flags of migrations close together do not cover each other: the newest keeps its own', () => {
  expect(flagPositions([10, 30, 200, 280], 286)).toEqual([null, 31, 201, null].with(3, 238).with(2, null));
  expect(flagPositions([10, 100], 286)).toEqual([11, 101]);
});
