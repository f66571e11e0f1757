import { leaf, none, type PortTree } from './ports.ts';

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

/**
 * How the ports of `own` beside `base`, whichever rule comes first, are said in the fewest prefixes, where all that
 * `base` decides alike may be passed on to it. Labels are propagated up a binary tree as Draves et al. do for
 * routes ("Constructing optimal IP routing tables", 1999), with two labels allowed where own and base agree.
 * @param base null: there is nothing to pass on to
 */
export function cover(own: PortTree, base: BaseTree | null): Cover {
  if (own.low && own.high)
    return join(cover(own.low, base?.low ?? base), cover(own.high, base?.high ?? base));
  if (!base) return whole([labelOf(own)]);
  const { decides, logs } = base.tree;
  if (own.decides === none && own.logs === none) return base.same;
  if (!base.low || !base.high) {
    if (own.decides >= decides && own.logs > Math.min(decides, logs)) return base.same;
    return whole([labelOf(leaf(Math.min(own.decides, decides), Math.min(own.logs, logs)))]);
  }
  // Own comes first in the whole range: no need to look at base's parts.
  if (decides > own.decides && logs > Math.min(own.logs, own.decides)) return whole([labelOf(own)]);
  return join(cover(own, base.low), cover(own, base.high));
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
