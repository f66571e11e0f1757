import { describe, expect, test } from 'vitest';
import { createNodeTimeSeries, type NodeSeriesPoint } from '../../../app/_lib/time-series/node-series.ts';
import { type PodRateHistory, podRateNames } from '../../../app/_lib/time-series/pod-rates.ts';
import { buildRowsByKind } from '../../../app/pods/[id]/_charts/chart-rows-by-kind.ts';
import { downsampleChartPoints } from '../../../app/pods/[id]/_charts/downsample.ts';
import { type ChartPoint, joinRatesWithCpuTime } from '../../../app/pods/[id]/_charts/join-rates-and-cpu.ts';
import { placeMigrationFlags } from '../../../app/pods/[id]/_charts/migration-flags.ts';
import { findNearestPoint } from '../../../app/pods/[id]/_charts/nearest-point.ts';
import { findSampleGaps } from '../../../app/pods/[id]/_charts/sample-gaps.ts';
import type { CounterRateName } from '../../../contract/counter-table.ts';

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
  egressNsPerRun: null,
  ingressNsPerRun: null,
});

describe('findSampleGaps', () => {
  test('a missing second is a gap between its neighbors', () => {
    expect(findSampleGaps([point(1), point(2), point(4)], 0, 4000)).toEqual([{ from: 2000, to: 4000 }]);
  });
  test('the time since the last sample is a gap too', () => {
    expect(findSampleGaps([point(1)], 0, 5000)).toEqual([{ from: 1000, to: 5000 }]);
  });
  test('nothing is missing before the first sample', () => {
    expect(findSampleGaps([point(50), point(51)], 0, 51_500)).toEqual([]);
  });
  test('a gap is cut at the window', () => {
    expect(findSampleGaps([point(1), point(9)], 5000, 9000)).toEqual([{ from: 5000, to: 9000 }]);
  });
});

describe('downsample', () => {
  const minute = Array.from({ length: 60 }, (_, second) => point(second));
  test('keeps points that are far enough apart', () => {
    expect(downsampleChartPoints(minute, 60_000, 300)).toEqual(minute);
  });
  test('joins the points of a stretch to their mean, drops by reason too', () => {
    const [first] = downsampleChartPoints(minute, 60_000, 12);
    expect(first).toMatchObject({ time: 4000, ingressPackets: 2, drops: [2, 0, 0] });
  });
  test('starts stretches at fixed times, so that they do not change as the window moves', () => {
    const later = downsampleChartPoints(minute.slice(7), 60_000, 12).slice(1, 4);
    expect(later).toEqual(downsampleChartPoints(minute, 60_000, 12).slice(2, 5));
  });
  test('never joins points of two kinds', () => {
    const mixed = [point(0), point(1), point(2, 'veth'), point(3, 'veth')];
    expect(downsampleChartPoints(mixed, 60_000, 12).map(({ kind }) => kind)).toEqual(['netkit', 'veth']);
  });
  test('keeps the cost unknown if no point of a stretch has one', () => {
    const known = { ...point(1), egressNsPerRun: 200 };
    expect(downsampleChartPoints([point(0), known], 60_000, 12)[0]).toMatchObject({
      egressNsPerRun: 200,
      ingressNsPerRun: null,
    });
  });
});

describe('buildRowsByKind', () => {
  const rows = (points: ChartPoint[]) =>
    buildRowsByKind(
      points,
      (each) => each.ingressPackets,
      () => null,
      1750,
    );
  test('a trace has the kind that carried the packets; both kinds share the point of a migration', () => {
    const [first, second] = rows([point(1, 'netkit'), point(2, 'veth')]);
    expect(first).toMatchObject({ netkitUp: 1, vethUp: null });
    expect(second).toMatchObject({ netkitUp: 2, vethUp: 2 });
  });
  test('nothing is drawn across a gap', () => {
    expect(rows([point(1), point(4)])[1]).toMatchObject({ time: 2500, netkitUp: null, vethUp: null });
  });
});

test('findNearestPoint finds the point by time, up to a distance', () => {
  const points = [point(1), point(2), point(5)];
  expect(findNearestPoint(points, 2400, 1000)?.time).toBe(2000);
  expect(findNearestPoint(points, 4100, 1000)?.time).toBe(5000);
  expect(findNearestPoint(points, 3500, 1000)).toBeNull();
  expect(findNearestPoint([], 1, 1000)).toBeNull();
});

describe('joinRatesWithCpuTime', () => {
  const history = (
    ...seconds: { second: number; egressPackets: number; kind?: number }[]
  ): PodRateHistory => {
    const values = (value: number) => new Float32Array(seconds.length).fill(value);
    const rates = Object.fromEntries(podRateNames.map((name) => [name, values(0)])) as Record<
      CounterRateName,
      Float32Array
    >;
    return {
      ...rates,
      egressPackets: new Float32Array(seconds.map((each) => each.egressPackets)),
      egressDroppedPackets: values(10),
      'droppedPackets.malformed': values(10),
      times: new Float64Array(seconds.map(({ second }) => second * 1000)),
      kinds: new Float32Array(seconds.map(({ kind = 1 }) => kind)),
    };
  };
  const node = (time: number, ns: number): NodeSeriesPoint => ({
    sample: { time } as NodeSeriesPoint['sample'],
    nsPerRun: new Map([[3, ns]]),
  });
  const programs = { netkit: { egress: 1, ingress: 2 }, veth: { egress: 3, ingress: null } };

  test('have no point for a missing sample or without an earlier one to compare with', () => {
    const points = joinRatesWithCpuTime(
      history(
        { second: 1, egressPackets: Number.NaN },
        { second: 2, egressPackets: 5 },
        { second: 3, egressPackets: 5, kind: Number.NaN },
      ),
      [],
      programs,
      0,
    );
    expect(points.map(({ time, kind, egressPackets }) => ({ time, kind, egressPackets }))).toEqual([
      { time: 2000, kind: 'veth', egressPackets: 5 },
    ]);
    expect(points[0]?.drops[0]).toBe(10);
  });

  test('begin at a time', () => {
    const seconds = [1, 2, 3].map((second) => ({ second, egressPackets: 1 }));
    expect(joinRatesWithCpuTime(history(...seconds), [], programs, 2000).map(({ time }) => time)).toEqual([
      2000, 3000,
    ]);
  });

  test('charge the pod its own runs, dropped packets too, at the program’s mean time', () => {
    const [only] = joinRatesWithCpuTime(
      history({ second: 2, egressPackets: 990 }),
      [node(2040, 200)],
      programs,
      0,
    );
    expect(only).toMatchObject({ egressNsPerRun: 200, ingressNsPerRun: null, ingressCores: null });
    expect(only?.egressCores).toBeCloseTo((1000 * 200) / 1e9, 12);
  });

  test('know no cost of a second that the node sample misses', () => {
    const points = joinRatesWithCpuTime(
      history({ second: 2, egressPackets: 990 }, { second: 9, egressPackets: 990 }),
      [node(2040, 200)],
      programs,
      0,
    );
    expect(points.map(({ egressNsPerRun }) => egressNsPerRun)).toEqual([200, null]);
  });

  test('take the node sample nearest in time', () => {
    const points = joinRatesWithCpuTime(
      history({ second: 2, egressPackets: 1 }, { second: 3, egressPackets: 1 }),
      [node(1040, 100), node(2040, 200), node(3040, 300)],
      programs,
      0,
    );
    expect(points.map(({ egressNsPerRun }) => egressNsPerRun)).toEqual([200, 300]);
  });
});

describe('createNodeTimeSeries', () => {
  const sample = (time: number, ...programs: [id: number, runCount: number, runTimeNs: number][]) =>
    ({
      time,
      programs: programs.map(([id, runCount, runTimeNs]) => ({ id, runCount, runTimeNs })),
    }) as NodeSeriesPoint['sample'];

  test('derives the mean run time of each program between two samples', () => {
    const series = createNodeTimeSeries(10);
    expect(series.push(sample(1000, [3, 10, 1000], [4, 5, 5]))).toBe(true);
    expect(series.latest?.nsPerRun.size).toBe(0);
    series.push(sample(2000, [3, 20, 3000], [4, 5, 5], [7, 1, 1]));
    expect([...(series.latest?.nsPerRun ?? [])]).toEqual([[3, 200]]);
  });

  test('takes no sample twice, and forgets what is older than its capacity', () => {
    const series = createNodeTimeSeries(2);
    expect([1000, 2000, 2000, 3000].map((time) => series.push(sample(time)))).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(series.points.map(({ sample: { time } }) => time)).toEqual([2000, 3000]);
  });
});

test('flags of migrations close together do not cover each other: the newest keeps its own', () => {
  expect(placeMigrationFlags([10, 30, 200, 280], 286)).toEqual(
    [null, 31, 201, null].with(3, 238).with(2, null),
  );
  expect(placeMigrationFlags([10, 100], 286)).toEqual([11, 101]);
});
