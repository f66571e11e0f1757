/** How a client talks to a server: on connections kept open, one connection a request, or datagrams. */
export type FlowType = 'tcp' | 'short' | 'udp' | 'burst';

/** Requests from the pod of app `from` to that of `to`. */
export interface Flow {
  type: FlowType;
  from: string;
  to: string;
  /** requests a second at full rate; of `burst`: bursts a second */
  rate: number;
  /** bytes of a request and of its reply, our header included */
  request: number;
  reply: number;
}

const flow = (
  type: FlowType,
  from: string,
  to: string,
  rate: number,
  request: number,
  reply: number,
): Flow => ({
  type,
  from,
  to,
  rate,
  request,
  reply,
});

/** Who talks to whom. Every pod is a client of something, so that every pod counts. */
export const labFlows: readonly Flow[] = [
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

/** One port for everything a pod serves, TCP and UDP. */
export const serverPort = 8080;

/**
 * What the load of a flow is multiplied by at a moment, between 0.55 and 1.45: slow waves, each flow its own,
 * so that a chart of it is no straight line.
 * @param index the flow's place in the table
 * @param seconds since the start
 */
export function loadFactor(index: number, seconds: number): number {
  const period = 40 + ((index * 17) % 50);
  return (
    1 + 0.3 * Math.sin((2 * Math.PI * seconds) / period + index) + 0.15 * Math.sin(seconds / 3 + 2 * index)
  );
}
