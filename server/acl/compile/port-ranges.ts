/** Position of a rule in the evaluation order; `noRuleOrder` is higher than all positions. */
export type RuleOrder = number;
export const noRuleOrder: RuleOrder = 16_383;

/** Inclusive range of ports that a rule matches. */
export interface PortClaim {
  from: number;
  to: number;
  order: RuleOrder;
  log: boolean;
}

/**
 * The deciding rule and the first log rule before it, as a binary tree over the ports. A leaf holds for its whole range;
 * `decides` and `logs` of an inner node are the least ones below it.
 */
export interface PortTree {
  readonly decides: RuleOrder;
  readonly logs: RuleOrder;
  readonly low: PortTree | null;
  readonly high: PortTree | null;
}

/** Creates a leaf of a port tree. A log rule after the deciding rule has no effect and is omitted. */
export const createPortLeaf = (decides: RuleOrder, logs: RuleOrder): PortTree => ({
  decides,
  logs: logs < decides ? logs : noRuleOrder,
  low: null,
  high: null,
});

/** Deciding rule and first log rule for consecutive runs of ports; each run ends where the next one starts. */
export interface PortRuns {
  readonly starts: readonly number[];
  readonly decides: readonly RuleOrder[];
  readonly logs: readonly RuleOrder[];
}

/**
 * Splits the ports into runs with the same deciding rule and log rule.
 * @param claims in evaluation order
 * @param bits width of a port: 16, less in tests
 */
export function buildPortRuns(claims: readonly PortClaim[], bits = 16): PortRuns {
  const size = 1 << bits;
  if (claims.every(({ from, to }) => from === 0 && to === size - 1)) {
    const first = (log: boolean): RuleOrder =>
      claims.find((claim) => claim.log === log)?.order ?? noRuleOrder;
    return { starts: [0], decides: [first(false)], logs: [first(true)] };
  }
  const ends = [0];
  for (const { from, to } of claims) ends.push(from, to + 1);
  const starts = ends
    .sort((a, b) => a - b)
    .filter((start, index, all) => start < size && start !== all[index - 1]);
  const runOf = (port: number): number => findLowerBound(starts, port, 0, starts.length);
  const decides = new FirstClaim(starts.length);
  const logs = new FirstClaim(starts.length);
  for (const { from, to, order, log } of claims)
    (log ? logs : decides).claim(runOf(from), runOf(to + 1), order);
  return { starts, decides: decides.orders, logs: logs.orders };
}

/** Returns the index of the run that contains a port, given the first run that starts at or after the port. */
export const findPortRun = (starts: readonly number[], port: number, next: number, end: number): number =>
  next === end || starts[next] !== port ? next - 1 : next;

/** Converts port runs to a port tree. @param bits width of a port: 16, less in tests */
export function buildPortTree({ starts, decides, logs }: PortRuns, bits = 16): PortTree {
  const build = (start: number, width: number, first: number, end: number): PortTree => {
    if (end - first === 1) return createPortLeaf(decides[first] ?? noRuleOrder, logs[first] ?? noRuleOrder);
    const half = width / 2;
    const high = findLowerBound(starts, start + half, first, end);
    return joinTrees(
      build(start, half, first, high),
      build(start + half, half, findPortRun(starts, start + half, high, end), end),
    );
  };
  return build(0, 1 << bits, 0, starts.length);
}

function joinTrees(low: PortTree, high: PortTree): PortTree {
  if (!low.low && !high.low && low.decides === high.decides && low.logs === high.logs) return low;
  return {
    decides: Math.min(low.decides, high.decides),
    logs: Math.min(low.logs, high.logs),
    low,
    high,
  };
}

/** Returns the first index from `first` to `end` whose value is at least `value`; `end` if there is none. */
export function findLowerBound(sorted: readonly number[], value: number, first: number, end: number): number {
  while (first < end) {
    const middle = (first + end) >> 1;
    if ((sorted[middle] ?? 0) < value) first = middle + 1;
    else end = middle;
  }
  return first;
}

/** Assigns each port run to the first rule that claims it. A union-find structure skips claimed runs. */
class FirstClaim {
  readonly orders: RuleOrder[];
  /** Union-find links: for each run, the index of a run from which to search for the next unclaimed run. */
  readonly #next: number[];

  constructor(runs: number) {
    this.orders = Array<RuleOrder>(runs).fill(noRuleOrder);
    this.#next = Array.from({ length: runs + 1 }, (_, index) => index);
  }

  claim(first: number, end: number, order: RuleOrder): void {
    for (let index = this.#unclaimed(first); index < end; index = this.#unclaimed(index)) {
      this.orders[index] = order;
      this.#next[index] = index + 1;
    }
  }

  #unclaimed(from: number): number {
    const next = this.#next;
    let index = from;
    for (let after = next[index] ?? index; after !== index; after = next[index] ?? index) {
      next[index] = next[after] ?? after;
      index = next[index] ?? index;
    }
    return index;
  }
}
