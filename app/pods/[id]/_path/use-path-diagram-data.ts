'use client';

import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { Pod } from '../../../../contract/pod.ts';
import type { PodPath } from '../../../../contract/pod-path.ts';
import { requestApi } from '../../../_lib/api.ts';
import { usePods } from '../../../_lib/pod-queries.ts';
import { nodeTimeSeries, podTimeSeries } from '../../../_lib/time-series/sample-store.ts';
import {
  useNodeSample,
  usePodRates,
  useSampleFrameCount,
} from '../../../_lib/time-series/use-time-series.ts';
import type { OtherPodRates, PathDiagramData, RatesByDirection } from './path-diagram-types.ts';
import { findPathHop, type UplinkHop } from './path-hops.ts';
import { computeRatesByPath, convertToRatesByPath, type PodRateCounters } from './rates-by-path.ts';

/**
 * Interval in ms at which the path is read, because the uplink's counters come with the path and not with the samples.
 */
const refetchMs = 2000;
/** Time in ms for which the order of the other pods is kept, so that their lines do not move with every sample. */
const orderMs = 10_000;
const noPods: OtherPodRates[] = [];
const noTimes: ReadonlyMap<number, number> = new Map();

/** Returns a pod's path with the rates of the last second; null until the path has been read. */
export function usePathDiagramData(pod: Pod, live: boolean): PathDiagramData | null {
  const { data: path, dataUpdatedAt } = useQuery({
    queryKey: ['pod', pod.id, 'path'],
    queryFn: ({ signal }) => requestApi<PodPath>(`/pods/${encodeURIComponent(pod.id)}/path`, { signal }),
    refetchInterval: refetchMs,
    enabled: pod.state !== 'gone',
  });
  const version = useSampleFrameCount();
  const rates = usePodRates(pod.number);
  const nodeSample = useNodeSample();
  const { data: allPods } = usePods();
  const uplink = path === undefined ? null : findPathHop(path, 'uplink');
  const uplinkRates = useUplinkRates(uplink, dataUpdatedAt);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rates of the pods change with every version
  const others = useMemo(() => {
    const numbers = new Map(allPods?.map(({ id, number }) => [id, number]));
    return (path === undefined ? null : findPathHop(path, 'pods'))?.pods.map((other) => {
      const number = numbers.get(other.id);
      return { other, rates: number === undefined ? null : knownRates(podTimeSeries.rates(number)) };
    });
  }, [path, allPods, version]);
  const pods = useBusiestFirst(
    useMemo(
      () =>
        others?.map(
          ({ other, rates: counted }): OtherPodRates => ({
            ...other,
            kind: counted?.kind ?? other.kind,
            ingressPackets: counted?.ingressPackets ?? null,
            egressPackets: counted?.egressPackets ?? null,
          }),
        ) ?? noPods,
      [others],
    ),
    nodeSample?.time ?? 0,
  );
  const container = path === undefined ? null : findPathHop(path, 'container');
  if (path === undefined || container === null) return null;
  const own = knownRates(rates);
  return {
    container,
    device: pod.device === null ? null : findPathHop(path, 'device'),
    host: findPathHop(path, 'host'),
    uplink,
    uplinkRates,
    pods,
    traffic:
      own === null && path.traffic !== null
        ? convertToRatesByPath(path.traffic)
        : computeRatesByPath(own, others?.map((each) => each.rates).filter((each) => each !== null) ?? []),
    redirect: path.redirect,
    redirectSetting: path.redirectSetting,
    translators: path.translators,
    services: path.services,
    rates: own,
    nsPerRun: nodeTimeSeries.latest?.nsPerRun ?? noTimes,
    live,
  };
}

/** Returns a pod's rates, or null while they are NaN, before the pod's second sample. */
const knownRates = <T extends PodRateCounters>(rates: T | null): T | null =>
  rates === null || Number.isNaN(rates.egressPackets) ? null : rates;

interface PodOrder {
  /** Time at which the order of the pods was determined, ms. */
  at: number;
  ids: readonly string[];
}

/** Sorts pods by rate, the busiest first; the order is kept for ten seconds or until the set of pods changes. */
function useBusiestFirst(pods: readonly OtherPodRates[], now: number): OtherPodRates[] {
  const [order, setOrder] = useState<PodOrder>({ at: 0, ids: [] });
  const isSame = pods.length === order.ids.length && pods.every(({ id }) => order.ids.includes(id));
  const current = isSame && now - order.at <= orderMs ? order : busiestFirst(pods, now);
  if (current !== order) setOrder(current);
  return pods.toSorted((a, b) => current.ids.indexOf(a.id) - current.ids.indexOf(b.id));
}

function busiestFirst(pods: readonly OtherPodRates[], now: number): PodOrder {
  const load = (pod: OtherPodRates): number => (pod.ingressPackets ?? 0) + (pod.egressPackets ?? 0);
  const ids = pods.toSorted((a, b) => load(b) - load(a) || a.name.localeCompare(b.name)).map(({ id }) => id);
  // Without rates the order is by name only: the next sample makes a new one.
  return { at: pods.some(({ ingressPackets }) => ingressPackets !== null) ? now : now - orderMs, ids };
}

const unknownRates: PathDiagramData['uplinkRates'] = {
  packets: { egress: null, ingress: null },
  bits: { egress: null, ingress: null },
};

interface UplinkReading {
  at: number;
  uplink: UplinkHop;
  /** Rates of the uplink since the previous reading. */
  rates: PathDiagramData['uplinkRates'];
}

/**
 * Returns the uplink's rates between the last two readings of its counters; `at` is the time of the last reading, ms.
 */
function useUplinkRates(uplink: UplinkHop | null, at: number): PathDiagramData['uplinkRates'] {
  const [last, setLast] = useState<UplinkReading | null>(null);
  if (uplink === null) return unknownRates;
  if (last !== null && last.at === at) return last.rates;
  const rates =
    last !== null && last.uplink.ifindex === uplink.ifindex
      ? ratesBetween(last.uplink, uplink, (at - last.at) / 1000)
      : unknownRates;
  setLast({ at, uplink, rates });
  return rates;
}

/**
 * Returns the uplink's rates between two readings; egress leaves the node. Counters that decreased, as after a reboot,
 * give no rate.
 */
function ratesBetween(before: UplinkHop, after: UplinkHop, seconds: number): PathDiagramData['uplinkRates'] {
  const rate = (first: number, last: number): number | null =>
    seconds > 0 && last >= first ? (last - first) / seconds : null;
  const packets: RatesByDirection = {
    egress: rate(before.tx.packets, after.tx.packets),
    ingress: rate(before.rx.packets, after.rx.packets),
  };
  const bits = (bytesPerSecond: number | null) => (bytesPerSecond === null ? null : bytesPerSecond * 8);
  return {
    packets,
    bits: {
      egress: bits(rate(before.tx.bytes, after.tx.bytes)),
      ingress: bits(rate(before.rx.bytes, after.rx.bytes)),
    },
  };
}
