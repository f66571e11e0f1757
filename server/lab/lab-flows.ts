/** Transport of a lab flow: kept-alive TCP connections, one TCP connection per request, UDP, or UDP bursts. */
export type LabFlowType = 'tcp' | 'short' | 'udp' | 'burst';

/** Flow of requests from the pod of app `from` to the pod of app `to`. */
export interface LabFlow {
  type: LabFlowType;
  from: string;
  to: string;
  /** Requests per second at full load; for `burst`, bursts per second. */
  rate: number;
  /** Size of one of the flow's requests in bytes, including the header. */
  request: number;
  reply: number;
}

const flow = (
  type: LabFlowType,
  from: string,
  to: string,
  rate: number,
  request: number,
  reply: number,
): LabFlow => ({
  type,
  from,
  to,
  rate,
  request,
  reply,
});

/** Flows of the lab. Every pod is the client of at least one flow, so that every pod counts requests. */
export const labFlows: readonly LabFlow[] = [
  flow('tcp', 'web', 'cart', 60, 220, 900),
  flow('tcp', 'web', 'catalogue', 50, 180, 6000),
  flow('tcp', 'cart', 'payments', 25, 400, 300),
  flow('tcp', 'cart', 'catalogue', 30, 120, 1400),
  flow('tcp', 'catalogue', 'indexer', 15, 300, 2500),
  flow('tcp', 'worker', 'indexer', 60, 1200, 200),
  flow('tcp', 'worker', 'payments', 8, 200, 200),
  flow('tcp', 'payments', 'outside', 10, 500, 400),
  flow('tcp', 'indexer', 'outside', 6, 150, 4000),
  flow('short', 'web', 'payments', 3, 300, 300),
  flow('short', 'worker', 'catalogue', 4, 200, 800),
  flow('short', 'cart', 'web', 2, 250, 100),
  flow('udp', 'web', 'cart', 30, 120, 160),
  flow('udp', 'cart', 'catalogue', 40, 90, 240),
  flow('udp', 'catalogue', 'web', 12, 100, 100),
  flow('udp', 'payments', 'cart', 12, 140, 140),
  flow('udp', 'worker', 'indexer', 60, 600, 60),
  flow('udp', 'indexer', 'worker', 20, 80, 300),
  flow('burst', 'web', 'catalogue', 1 / 11, 100, 100),
  flow('burst', 'worker', 'indexer', 1 / 7, 120, 120),
];

/** TCP and UDP port of every server in the lab. */
export const labServerPort = 8080;

/**
 * Returns the factor of a flow's load at a moment, between 0.55 and 1.45: slow waves that differ by flow, so that
 * charts are not straight lines.
 * @param index index of the flow in `labFlows`
 * @param seconds seconds since the start
 */
export function computeLabFlowLoadFactor(index: number, seconds: number): number {
  const period = 40 + ((index * 17) % 50);
  return (
    1 + 0.3 * Math.sin((2 * Math.PI * seconds) / period + index) + 0.15 * Math.sin(seconds / 3 + 2 * index)
  );
}
