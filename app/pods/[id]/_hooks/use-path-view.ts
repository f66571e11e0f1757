'use client';

import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import type { PodPath } from '../../../../contract/path.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { call } from '../../../_lib/api.ts';
import { nodeHistory, programRates, useNodeSample } from '../../../_lib/node.ts';
import { usePods } from '../../../_lib/pods.ts';
import { samples, usePodRates, useSampleVersion } from '../../../_lib/samples.ts';
import { type EdgeRates, hopOf, type PathPod, type PathView, type UplinkHop } from '../_path/view.ts';

/** The uplink's counters come with the path, not with the samples. */
const readEveryMs = 2000;

/** The path with the figures of the last second; null until it was read once. */
export function usePathView(pod: Pod, live: boolean): PathView | null {
  const { data: path, dataUpdatedAt } = useQuery({
    queryKey: ['pod', pod.id, 'path'],
    queryFn: ({ signal }) => call<PodPath>(`/pods/${encodeURIComponent(pod.id)}/path`, { signal }),
    refetchInterval: readEveryMs,
    enabled: pod.state !== 'gone',
  });
  const version = useSampleVersion();
  const rates = usePodRates(pod.number);
  const programs = useNodeSample();
  const { data: known } = usePods();
  const uplink = path === undefined ? null : hopOf(path, 'uplink');
  const uplinkRates = useUplinkRates(uplink, dataUpdatedAt);
  // biome-ignore lint/correctness/useExhaustiveDependencies: rates of pods and programs are new with every version
  return useMemo(() => {
    const container = path === undefined ? null : hopOf(path, 'container');
    if (path === undefined || container === null) return null;
    const numbers = new Map(known?.map(({ id, number }) => [id, number]));
    const pods = (hopOf(path, 'pods')?.pods ?? []).map((other): PathPod => {
      const latest = samples.rates(numbers.get(other.id) ?? -2);
      const kind = latest?.kind ?? other.kind;
      return { ...other, kind, packetsIn: number(latest?.packetsIn), packetsOut: number(latest?.packetsOut) };
    });
    pods.sort((a, b) => busy(b) - busy(a) || a.name.localeCompare(b.name));
    return {
      container,
      device: pod.device === null ? null : hopOf(path, 'device'),
      host: hopOf(path, 'host'),
      uplink,
      uplinkRates,
      pods,
      podsRates: {
        out: sum(pods.map((other) => other.packetsIn)),
        in: sum(pods.map((other) => other.packetsOut)),
      },
      rates: rates === null || Number.isNaN(rates.packetsOut) ? null : rates,
      nsPerRun: nsPerRun(),
      live,
    };
  }, [path, uplink, uplinkRates, known, rates, programs, version, live, pod.device]);
}

const number = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;

const busy = (pod: PathPod): number => (pod.packetsIn ?? 0) + (pod.packetsOut ?? 0);

function sum(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 && values.length > 0 ? null : known.reduce((total, value) => total + value, 0);
}

function nsPerRun(): Map<number, number> {
  const [before, after] = nodeHistory().slice(-2);
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
