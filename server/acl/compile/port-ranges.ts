/** Place of a rule in the order of evaluation; `none` is behind all of them. */
export type Order = number;
export const none: Order = 16_383;

/** Ports, both ends included, that a rule means. */
export interface Claim {
  from: number;
  to: number;
  order: Order;
  log: boolean;
}

/**
 * A function of the port as a binary tree: who decides, and whose log comes before that. A leaf holds for its
 * whole range; `decides` and `logs` of an inner node are the least ones below.
 */
export interface PortTree {
  readonly decides: Order;
  readonly logs: Order;
  readonly low: PortTree | null;
  readonly high: PortTree | null;
}

/** A log behind the decision is never asked: two leaves are equal exactly when they judge alike. */
export const leaf = (decides: Order, logs: Order): PortTree => ({
  decides,
  logs: logs < decides ? logs : none,
  low: null,
  high: null,
});

/** The same function as runs of ports: each from its start up to the next one's. */
export interface PortRuns {
  readonly starts: readonly number[];
  readonly decides: readonly Order[];
  readonly logs: readonly Order[];
}

/** @param claims in the order of evaluation @param bits of a port: 16, fewer in tests */
export function portRuns(claims: readonly Claim[], bits = 16): PortRuns {
  const size = 1 << bits;
  if (claims.every(({ from, to }) => from === 0 && to === size - 1)) {
    const first = (log: boolean): Order => claims.find((claim) => claim.log === log)?.order ?? none;
    return { starts: [0], decides: [first(false)], logs: [first(true)] };
  }
  const ends = [0];
  for (const { from, to } of claims) ends.push(from, to + 1);
  const starts = ends
    .sort((a, b) => a - b)
    .filter((start, index, all) => start < size && start !== all[index - 1]);
  const at = (port: number): number => firstFrom(starts, port, 0, starts.length);
  const decides = new Paint(starts.length);
  const logs = new Paint(starts.length);
  for (const { from, to, order, log } of claims) (log ? logs : decides).over(at(from), at(to + 1), order);
  return { starts, decides: decides.colours, logs: logs.colours };
}

/** The run that a port is in, where `next` is the first one from there on: the one before it, unless it starts there. */
export const runAt = (starts: readonly number[], port: number, next: number, end: number): number =>
  next === end || starts[next] !== port ? next - 1 : next;

/** @param bits of a port: 16, fewer in tests */
export function portTree({ starts, decides, logs }: PortRuns, bits = 16): PortTree {
  const build = (start: number, width: number, first: number, end: number): PortTree => {
    if (end - first === 1) return leaf(decides[first]!, logs[first]!);
    const half = width / 2;
    const high = firstFrom(starts, start + half, first, end);
    return join(
      build(start, half, first, high),
      build(start + half, half, runAt(starts, start + half, high, end), end),
    );
  };
  return build(0, 1 << bits, 0, starts.length);
}

function join(low: PortTree, high: PortTree): PortTree {
  if (!low.low && !high.low && low.decides === high.decides && low.logs === high.logs) return low;
  return {
    decides: Math.min(low.decides, high.decides),
    logs: Math.min(low.logs, high.logs),
    low,
    high,
  };
}

/** Index of the first value that is not less, between `first` and `end`; `end` where there is none. */
export function firstFrom(sorted: readonly number[], value: number, first: number, end: number): number {
  while (first < end) {
    const middle = (first + end) >> 1;
    if (sorted[middle]! < value) first = middle + 1;
    else end = middle;
  }
  return first;
}

/** Segments that keep the first colour they get; what is painted is skipped. */
class Paint {
  readonly colours: Order[];
  /** Of each segment, one at or before the next that has no colour. */
  readonly #next: number[];

  constructor(segments: number) {
    this.colours = Array<Order>(segments).fill(none);
    this.#next = Array.from({ length: segments + 1 }, (_, index) => index);
  }

  over(first: number, end: number, order: Order): void {
    for (let index = this.#free(first); index < end; index = this.#free(index)) {
      this.colours[index] = order;
      this.#next[index] = index + 1;
    }
  }

  #free(index: number): number {
    const next = this.#next;
    while (next[index] !== index) index = next[index] = next[next[index]!]!;
    return index;
  }
}
