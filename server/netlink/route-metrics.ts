import type { NetlinkAttributeReader, NetlinkMessageWriter } from './message.ts';

/** Route metrics RTAX_* (<linux/rtnetlink.h>), by the names that `ip route` uses. */
const numbers = {
  mtu: 2,
  window: 3,
  rtt: 4,
  rttvar: 5,
  ssthresh: 6,
  cwnd: 7,
  advmss: 8,
  reordering: 9,
  hoplimit: 10,
  initcwnd: 11,
  features: 12,
  rto_min: 13,
  initrwnd: 14,
  quickack: 15,
  fastopen_no_cookie: 17,
} as const;
const RTAX_LOCK = 1;
const RTAX_CC_ALGO = 16;
const RTA_METRICS = 8;

export type RouteMetricName = keyof typeof numbers;
export const routeMetricNames = Object.keys(numbers) as RouteMetricName[];
const names = new Map<number, RouteMetricName>(routeMetricNames.map((name) => [numbers[name], name]));

/**
 * Parameters of connections that use a route (RTA_METRICS) in kernel units: `mtu` bytes, `rtt` 1/8 ms, `rttvar` 1/4
 * ms.
 */
export interface RouteMetrics {
  values: Partial<Record<RouteMetricName, number>>;
  /** Metrics that the kernel must not change by itself, for example by path MTU discovery. */
  locked: RouteMetricName[];
  /** Name of the TCP congestion control algorithm. */
  congestionControl: string | null;
}

export const createEmptyRouteMetrics = (): RouteMetrics => ({
  values: {},
  locked: [],
  congestionControl: null,
});

/** Writes RTA_METRICS, or nothing if there are no metrics. */
export function encodeRouteMetrics(message: NetlinkMessageWriter, metrics: Partial<RouteMetrics>): void {
  const { values = {}, locked = [], congestionControl = null } = metrics;
  const lock = locked.reduce((mask, name) => mask | (1 << numbers[name]), 0);
  if (Object.keys(values).length === 0 && lock === 0 && congestionControl === null) return;
  const nest = message.openNest(RTA_METRICS);
  if (lock !== 0) message.attributeU32(RTAX_LOCK, lock);
  for (const name of routeMetricNames)
    if (values[name] !== undefined) message.attributeU32(numbers[name], values[name]);
  if (congestionControl !== null) message.attributeString(RTAX_CC_ALGO, congestionControl);
  message.closeNest(nest);
}

/** Parses RTA_METRICS. @throws MalformedNetlinkMessage */
export function parseRouteMetrics(attribute: NetlinkAttributeReader): RouteMetrics {
  const metrics = createEmptyRouteMetrics();
  const nested = attribute.nested();
  while (nested.next()) {
    const name = names.get(nested.type);
    if (name) metrics.values[name] = nested.u32();
    else if (nested.type === RTAX_CC_ALGO) metrics.congestionControl = nested.string();
    else if (nested.type === RTAX_LOCK) {
      const mask = nested.u32();
      metrics.locked = routeMetricNames.filter((each) => mask & (1 << numbers[each]));
    }
  }
  return metrics;
}

export const routeMetricsAttribute = RTA_METRICS;
