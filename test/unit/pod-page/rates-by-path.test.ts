import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeFlowRates } from '../../../app/pods/[id]/_path/packet-flows.ts';
import type { PathDiagramData } from '../../../app/pods/[id]/_path/path-diagram-types.ts';
import {
  computeRatesByPath,
  convertToRatesByPath,
  isExactRate,
  type PodRateCounters,
} from '../../../app/pods/[id]/_path/rates-by-path.ts';

const pod = (
  egressPackets: number,
  ingressPackets: number,
  egressRedirectedPackets = 0,
  ingressDroppedPackets = 0,
): PodRateCounters => ({
  egressPackets,
  ingressPackets,
  egressRedirectedPackets,
  ingressDroppedPackets,
});

describe('computeRatesByPath', () => {
  test('without redirects all packets go through the host stack', () => {
    const split = computeRatesByPath(pod(100, 80), [pod(60, 70), pod(20, 30)]);
    expect(split).toMatchObject({ redirected: 0, hostRouted: 100, podsToHost: 80 });
    expect(split.ingressRedirected).toEqual({ atLeast: 0, atMost: 0 });
    expect(split.hostToPods).toEqual({ atLeast: 100, atMost: 100 });
  });

  test('with every packet between pods redirected none goes through the host stack, in both directions exactly', () => {
    const split = computeRatesByPath(pod(100, 80, 100), [pod(80, 60, 80), pod(0, 40)]);
    expect(split).toMatchObject({ redirected: 100, hostRouted: 0, podsToHost: 0 });
    expect(split.ingressRedirected).toEqual({ atLeast: 80, atMost: 80 });
    expect(split.hostToPods).toEqual({ atLeast: 0, atMost: 0 });
  });

  test('counts packets that the receiver dropped as received', () => {
    expect(computeRatesByPath(pod(100, 0, 100), [pod(0, 70, 0, 30)]).hostToPods?.atMost).toBe(0);
  });

  test('gives bounds if others redirect and this pod also receives from the host stack', () => {
    const split = computeRatesByPath(pod(0, 50), [pod(200, 100, 100), pod(0, 0)]);
    expect(split.ingressRedirected).toEqual({ atLeast: 0, atMost: 50 });
    expect(isExactRate(split.ingressRedirected!)).toBe(false);
  });

  test('counts rates within the noise of the readings as 0', () => {
    const { hostToPods } = computeRatesByPath(pod(10_000, 0, 10_000), [pod(0, 10_040)]);
    expect(hostToPods).toEqual({ atLeast: 0, atMost: 0 });
  });

  test('is unknown before two samples; until then the agent’s counts are used', () => {
    expect(computeRatesByPath(null, [pod(1, 1)])).toMatchObject({
      redirected: null,
      hostRouted: null,
      ingressRedirected: null,
    });
    expect(convertToRatesByPath({ seconds: 2, redirected: 10, hostRouted: 4, dropped: 1 })).toMatchObject({
      redirected: 5,
      hostRouted: 2,
    });
  });

  test('contain the actual rates within their bounds, for any traffic', () => {
    const flow = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(
        fc.record({ ab: flow, ba: flow, bc: flow, aHost: flow, hostA: flow, bHost: flow, hostB: flow }),
        fc.boolean(),
        (go, redirect) => {
          const short = redirect ? 1 : 0;
          const split = computeRatesByPath(pod(go.ab + go.aHost, go.ba + go.hostA, short * go.ab), [
            pod(go.ba + go.bc + go.bHost, go.ab + go.hostB, short * (go.ba + go.bc)),
            pod(0, go.bc),
          ]);
          const all = go.ab + go.ba + go.bc + go.hostA + go.hostB;
          const slack = 0.5 + 0.01 * all;
          const between = (value: number, bounds: { atLeast: number; atMost: number } | null) => {
            expect(value).toBeGreaterThanOrEqual(bounds!.atLeast - slack);
            expect(value).toBeLessThanOrEqual(bounds!.atMost + slack);
          };
          between(short * go.ba, split.ingressRedirected);
          between(redirect ? go.hostB : go.hostB + go.ab + go.bc, split.hostToPods);
          expect(split.hostRouted).toBe(go.aHost + (redirect ? 0 : go.ab));
        },
      ),
    );
  });
});

test('packets that take one path are drawn on that path only, and on both with bounds if the split is unknown', () => {
  const rates = (own: PodRateCounters, others: PodRateCounters[]) =>
    computeFlowRates({
      rates: { ...own, egressBits: 0, ingressBits: 0, egressDroppedPackets: 0 },
      traffic: computeRatesByPath(own, others),
      uplinkRates: { packets: { egress: null, ingress: null }, bits: { egress: null, ingress: null } },
    } as PathDiagramData);
  const short = rates(pod(100, 100, 100), [pod(100, 100, 100)]);
  expect(short['host-ingress']).toEqual({ atLeast: 0, atMost: 0 });
  expect(short['redirect-ingress']?.atLeast).toBe(100);
  const either = rates(pod(0, 60), [pod(500, 440, 440), pod(0, 100)]);
  expect(either['host-ingress']).toEqual({ atLeast: 0, atMost: 60 });
  expect(either['redirect-ingress']).toEqual({ atLeast: 0, atMost: 60 });
  expect(either['pod-ingress']).toEqual({ atLeast: 60, atMost: 60 });
});
