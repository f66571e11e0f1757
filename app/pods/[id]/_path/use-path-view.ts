'use client';

import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import type { PodPath } from '../../../../contract/path.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { callApi } from '../../../_lib/api.ts';
import { usePods } from '../../../_lib/pod-queries.ts';
import { nodeSampleHistory, programRates, useNodeSample } from '../../../_lib/time-series/node-samples.ts';
import { podSeries, usePodRates, useSampleVersion } from '../../../_lib/time-series/pod-samples.ts';
import { type EdgeRates, findHop, type PathPod, type PathView, type UplinkHop } from './path-view.ts';
import { type PodRateCounters, splitFromAgent, splitTraffic } from './traffic-split.ts';

/** The uplink's counters come with the path, not with the samples. */
const readEveryMs = 2000;
/** How long the order of the other pods stays, so that lines do not change places with every sample. */
const orderMs = 10_000;

/** The path with the figures of the last second; null until it was read once. */
export function usePathView(pod: Pod, live: boolean): PathView | null {
  const { data: path, dataUpdatedAt } = useQuery({
    queryKey: ['pod', pod.id, 'path'],
    queryFn: ({ signal }) => callApi<PodPath>(`/pods/${encodeURIComponent(pod.id)}/path`, { signal }),
    refetchInterval: readEveryMs,
    enabled: pod.state !== 'gone',
  });
  const version = useSampleVersion();
  const rates = usePodRates(pod.number);
  const programs = useNodeSample();
  const { data: known } = usePods();
  const uplink = path === undefined ? null : findHop(path, 'uplink');
  const uplinkRates = useUplinkRates(uplink, dataUpdatedAt);
  const order = useRef<{ at: number; ids: string[] }>({ at: 0, ids: [] });
  // biome-ignore lint/correctness/useExhaustiveDependencies: rates of pods and programs are new with every version
  return useMemo(() => {
    const container = path === undefined ? null : findHop(path, 'container');
    if (path === undefined || container === null) return null;
    const numbers = new Map(known?.map(({ id, number }) => [id, number]));
    const others = findHop(path, 'pods')?.pods ?? [];
    const counted = new Map(
      others.map(({ id }) => [id, withValues(podSeries.rates(numbers.get(id) ?? -2))] as const),
    );
    const pods = others.map((other): PathPod => {
      const rates = counted.get(other.id) ?? null;
      return {
        ...other,
        kind: rates?.kind ?? other.kind,
        ingressPackets: rates?.ingressPackets ?? null,
        egressPackets: rates?.egressPackets ?? null,
      };
    });
    const own = withValues(rates);
    return {
      container,
      device: pod.device === null ? null : findHop(path, 'device'),
      host: findHop(path, 'host'),
      uplink,
      uplinkRates,
      pods: inOrder(pods, order.current),
      ways:
        own === null && path.traffic !== null
          ? splitFromAgent(path.traffic)
          : splitTraffic(
              own,
              [...counted.values()].filter((each) => each !== null),
            ),
      redirect: path.redirect,
      rates: own,
      nsPerRun: nsPerRun(),
      live,
    };
  }, [path, uplink, uplinkRates, known, rates, programs, version, live, pod.device]);
}

/** Null before the second sample, which is the first that a rate comes of. */
const withValues = <T extends PodRateCounters>(rates: T | null): T | null =>
  rates === null || Number.isNaN(rates.egressPackets) ? null : rates;

const busy = (pod: PathPod): number => (pod.ingressPackets ?? 0) + (pod.egressPackets ?? 0);

/** The busiest first, as it was when `order` was last made; made anew for other pods and from time to time. */
function inOrder(pods: PathPod[], order: { at: number; ids: string[] }): PathPod[] {
  const same = pods.length === order.ids.length && pods.every(({ id }) => order.ids.includes(id));
  if (!same || performance.now() - order.at > orderMs) {
    const sorted = pods.toSorted((a, b) => busy(b) - busy(a) || a.name.localeCompare(b.name));
    order.ids = sorted.map(({ id }) => id);
    // Before there are rates the order says nothing: the next one counts.
    order.at = pods.some(({ ingressPackets }) => ingressPackets !== null) ? performance.now() : -orderMs;
  }
  return pods.toSorted((a, b) => order.ids.indexOf(a.id) - order.ids.indexOf(b.id));
}

function nsPerRun(): Map<number, number> {
  const [before, after] = nodeSampleHistory().slice(-2);
  const result = new Map<number, number>();
  if (before === undefined || after === undefined) return result;
  for (const { id } of after.programs) {
    const ns = programRates(id, before, after)?.nsPerRun ?? Number.NaN;
    if (!Number.isNaN(ns)) result.set(id, ns);
  }
  return result;
}

const unread: PathView['uplinkRates'] = { packets: { out: null, in: null }, bits: { out: null, in: null } };

/** Rates between two readings of the uplink's counters; they stay until the next reading. */
function useUplinkRates(uplink: UplinkHop | null, at: number): PathView['uplinkRates'] {
  const last = useRef<{ at: number; uplink: UplinkHop } | null>(null);
  const rates = useRef(unread);
  return useMemo(() => {
    if (uplink === null) return unread;
    const before = last.current;
    if (before !== null && before.at === at) return rates.current;
    if (before !== null && before.uplink.ifindex === uplink.ifindex)
      rates.current = ratesBetween(before.uplink, uplink, (at - before.at) / 1000);
    last.current = { at, uplink };
    return rates.current;
  }, [uplink, at]);
}

/** `out` leaves the node. Counters that went back, as after a reboot, give no rate. */
function ratesBetween(before: UplinkHop, after: UplinkHop, seconds: number): PathView['uplinkRates'] {
  const rate = (first: number, last: number): number | null =>
    seconds > 0 && last >= first ? (last - first) / seconds : null;
  const packets: EdgeRates = {
    out: rate(before.tx.packets, after.tx.packets),
    in: rate(before.rx.packets, after.rx.packets),
  };
  const bytes = { out: rate(before.tx.bytes, after.tx.bytes), in: rate(before.rx.bytes, after.rx.bytes) };
  const bits = (value: number | null) => (value === null ? null : value * 8);
  return { packets, bits: { out: bits(bytes.out), in: bits(bytes.in) } };
}
