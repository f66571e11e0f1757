import { firstFrom, none, type Order, type PortRuns, type PortTree, runAt } from './port-ranges.ts';

/** Who decides and who logs, in one number; or `pass`. */
export type Label = number;
/** The base row is asked, as if there were no entry. No rule is first in both. */
export const pass: Label = 0;

export const labelOf = ({ decides, logs }: Pick<PortTree, 'decides' | 'logs'>): Label =>
  decides * 16_384 + logs;
export const decides = (label: Label): number => Math.floor(label / 16_384);
export const logs = (label: Label): number => label % 16_384;

/**
 * The labels with which a range needs the fewest entries below it when its prefix, or a longer covering one, has
 * one of them: `below` entries, and one more with any other label.
 */
export interface Cover {
  readonly labels: readonly Label[];
  readonly below: number;
  readonly low: Cover | null;
  readonly high: Cover | null;
}

export interface PortPrefix {
  /** The first port; the bits after `length` are zero. */
  port: number;
  length: number;
  label: Label;
}

const whole = (labels: readonly Label[]): Cover => ({ labels, below: 0, low: null, high: null });
const passing = whole([pass]);

/** What a row says for all protocols but those with ports. */
export const labelOfAll = ({ labels }: Cover): Label =>
  // Where the base's own label would do, passing on does too, and says nothing: own rules never make a base's win.
  labels.includes(pass) ? pass : labels[0]!;

/** Gets prefixes: the first `length` bits of a port count, the others are zero. */
export type PrefixSink = (port: number, length: number, label: Label) => void;

/** A base as rows see it, which differ from it in few places. */
export interface BaseTree {
  readonly tree: PortTree;
  readonly low: BaseTree | null;
  readonly high: BaseTree | null;
  /** What a row says where it judges as the base: nothing, or its one label. */
  readonly same: Cover;
}

export function baseTree(tree: PortTree): BaseTree {
  if (!tree.low || !tree.high) return { tree, low: null, high: null, same: whole([labelOf(tree), pass]) };
  return { tree, low: baseTree(tree.low), high: baseTree(tree.high), same: passing };
}

/** Says functions of the port in the fewest prefixes. */
export class Splitter {
  /** Covers of one label: there are very many of few labels. */
  readonly #whole = new Map<Label, Cover>();

  /**
   * How the ports of `own` beside `base`, whichever rule comes first, are said in the fewest prefixes, where all that
   * `base` decides alike may be passed on to it. Labels are propagated up a binary tree as Draves et al. do for
   * routes ("Constructing optimal IP routing tables", 1999), with two labels allowed where own and base agree.
   * @param base null: there is nothing to pass on to @param bits of a port: 16, fewer in tests
   */
  split({ starts, decides, logs }: PortRuns, base: BaseTree | null, bits = 16): Cover {
    const walk = (start: number, width: number, first: number, end: number, base: BaseTree | null): Cover => {
      if (end - first === 1) return this.#run(decides[first]!, logs[first]!, base);
      const half = width / 2;
      const high = firstFrom(starts, start + half, first, end);
      return join(
        walk(start, half, first, high, base?.low ?? base),
        walk(start + half, half, runAt(starts, start + half, high, end), end, base?.high ?? base),
      );
    };
    return walk(0, 1 << bits, 0, starts.length, base);
  }

  /** Of ports that own judges alike. */
  #run(decides: Order, logs: Order, base: BaseTree | null): Cover {
    if (!base) return this.#alike(decides, logs);
    if (decides === none && logs === none) return base.same;
    const first = base.tree.decides;
    if (!base.low || !base.high) {
      if (decides >= first && logs > Math.min(first, base.tree.logs)) return base.same;
      return this.#alike(Math.min(decides, first), Math.min(logs, base.tree.logs));
    }
    // Own comes first in the whole range: no need to look at base's parts.
    if (first > decides && base.tree.logs > Math.min(logs, decides)) return this.#alike(decides, logs);
    return join(this.#run(decides, logs, base.low), this.#run(decides, logs, base.high));
  }

  #alike(decides: Order, logs: Order): Cover {
    const label = labelOf({ decides, logs: logs < decides ? logs : none });
    const known = this.#whole.get(label);
    if (known) return known;
    const made = whole([label]);
    this.#whole.set(label, made);
    return made;
  }
}

function join(low: Cover, high: Cover): Cover {
  const common = commonLabels(low.labels, high.labels);
  const below = low.below + high.below;
  if (common.length === 0) return { labels: [...low.labels, ...high.labels], below: below + 1, low, high };
  if (below > 0) return { labels: common, below, low, high };
  // Nothing needs to be said below: the parts can be forgotten.
  if (common === low.labels) return low;
  return common === high.labels ? high : whole(common);
}

const noLabels: readonly Label[] = [];

/** One of the lists itself where it can be: most have one label, and there are very many. */
function commonLabels(low: readonly Label[], high: readonly Label[]): readonly Label[] {
  if (low === high) return low;
  if (low.length === 1) return high.includes(low[0]!) ? low : noLabels;
  if (high.length === 1) return low.includes(high[0]!) ? high : noLabels;
  return low.filter((label) => high.includes(label));
}

/**
 * Tells the prefixes in which a cover differs from what a covering entry says, shorter ones before longer ones of
 * the same port.
 */
export function tellPrefixes(cover: Cover, inherited: Label, tell: PrefixSink, bits = 16): void {
  const walk = (node: Cover, inherited: Label, port: number, length: number): void => {
    const label = node.labels.includes(inherited) ? inherited : node.labels[0]!;
    if (label !== inherited) tell(port, length, label);
    if (!node.low || !node.high) return;
    walk(node.low, label, port, length + 1);
    walk(node.high, label, port | (1 << (bits - length - 1)), length + 1);
  };
  walk(cover, inherited, 0, 0);
}
