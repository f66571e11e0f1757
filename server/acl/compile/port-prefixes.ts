import { lowerBound, noRule, type PortRuns, type PortTree, type RuleOrder, runAt } from './port-ranges.ts';

/** Deciding rule and log rule in one number, or `useDefault`. */
export type PortLabel = number;
/** The default entries decide, as if there were no entry. Never a label of rules: rule 0 cannot both decide and log. */
export const useDefault: PortLabel = 0;

export const labelOf = ({ decides, logs }: Pick<PortTree, 'decides' | 'logs'>): PortLabel =>
  decides * 16_384 + logs;
export const decidingOrder = (label: PortLabel): RuleOrder => Math.floor(label / 16_384);
export const loggingOrder = (label: PortLabel): RuleOrder => label % 16_384;

/**
 * Labels with which a range needs the fewest entries below it, if its prefix or a longer enclosing one has one of them:
 * `below` entries, and one more with any other label.
 */
export interface PrefixCover {
  readonly labels: readonly PortLabel[];
  readonly below: number;
  readonly low: PrefixCover | null;
  readonly high: PrefixCover | null;
}

const uniformCover = (labels: readonly PortLabel[]): PrefixCover => ({
  labels,
  below: 0,
  low: null,
  high: null,
});
const defaultCover = uniformCover([useDefault]);

/** Returns the label of a list's entry for any protocol. */
export const wholeLabel = ({ labels }: PrefixCover): PortLabel =>
  // Where the label of the default entries would do, useDefault does too and needs no entry.
  labels.includes(useDefault) ? useDefault : (labels[0] ?? useDefault);

/** Receives a prefix: the first `length` bits of a port; the others are zero. */
type PrefixSink = (port: number, length: number, label: PortLabel) => void;

/** Default entries as other lists see them, which differ from them on few ports. */
export interface DefaultTree {
  readonly tree: PortTree;
  readonly low: DefaultTree | null;
  readonly high: DefaultTree | null;
  /** Cover of a list that decides as the default entries do: no entry, or their one label. */
  readonly same: PrefixCover;
}

export function buildDefaultTree(tree: PortTree): DefaultTree {
  if (!tree.low || !tree.high)
    return { tree, low: null, high: null, same: uniformCover([labelOf(tree), useDefault]) };
  return { tree, low: buildDefaultTree(tree.low), high: buildDefaultTree(tree.high), same: defaultCover };
}

/** Expresses port runs in the fewest prefixes. */
export class PrefixSplitter {
  /** Covers with one label, shared: there are very many, with few labels. */
  readonly #uniform = new Map<PortLabel, PrefixCover>();

  /**
   * Combines the rules of a list with those of the default entries, whichever come first, and computes the cover with
   * the fewest prefixes, where everything that the default entries decide alike can be left to them. Labels are
   * propagated up a binary tree as Draves et al. do for routes ("Constructing optimal IP routing tables", 1999), with
   * two labels allowed where both agree.
   * @param defaults null for default entries themselves @param bits of a port: 16, fewer in tests
   */
  split({ starts, decides, logs }: PortRuns, defaults: DefaultTree | null, bits = 16): PrefixCover {
    const walk = (
      start: number,
      width: number,
      first: number,
      end: number,
      defaults: DefaultTree | null,
    ): PrefixCover => {
      if (end - first === 1) return this.#run(decides[first] ?? noRule, logs[first] ?? noRule, defaults);
      const half = width / 2;
      const high = lowerBound(starts, start + half, first, end);
      return joinCovers(
        walk(start, half, first, high, defaults?.low ?? defaults),
        walk(start + half, half, runAt(starts, start + half, high, end), end, defaults?.high ?? defaults),
      );
    };
    return walk(0, 1 << bits, 0, starts.length, defaults);
  }

  /** Covers ports for which the list's own rules decide alike. */
  #run(decides: RuleOrder, logs: RuleOrder, defaults: DefaultTree | null): PrefixCover {
    if (!defaults) return this.#uniformFor(decides, logs);
    if (decides === noRule && logs === noRule) return defaults.same;
    const first = defaults.tree.decides;
    if (!defaults.low || !defaults.high) {
      if (decides >= first && logs > Math.min(first, defaults.tree.logs)) return defaults.same;
      return this.#uniformFor(Math.min(decides, first), Math.min(logs, defaults.tree.logs));
    }
    // The list's own rules come first in the whole range: parts of the defaults need not be visited.
    if (first > decides && defaults.tree.logs > Math.min(logs, decides))
      return this.#uniformFor(decides, logs);
    return joinCovers(this.#run(decides, logs, defaults.low), this.#run(decides, logs, defaults.high));
  }

  #uniformFor(decides: RuleOrder, logs: RuleOrder): PrefixCover {
    const label = labelOf({ decides, logs: logs < decides ? logs : noRule });
    const known = this.#uniform.get(label);
    if (known) return known;
    const cover = uniformCover([label]);
    this.#uniform.set(label, cover);
    return cover;
  }
}

function joinCovers(low: PrefixCover, high: PrefixCover): PrefixCover {
  const common = commonLabels(low.labels, high.labels);
  const below = low.below + high.below;
  if (common.length === 0) return { labels: [...low.labels, ...high.labels], below: below + 1, low, high };
  if (below > 0) return { labels: common, below, low, high };
  // No entry is needed below: the parts can be dropped.
  if (common === low.labels) return low;
  return common === high.labels ? high : uniformCover(common);
}

const noLabels: readonly PortLabel[] = [];

/** Intersects two lists; returns one of them itself where possible, since there are very many and most have one label. */
function commonLabels(low: readonly PortLabel[], high: readonly PortLabel[]): readonly PortLabel[] {
  if (low === high) return low;
  const [onlyLow] = low;
  if (low.length === 1 && onlyLow !== undefined) return high.includes(onlyLow) ? low : noLabels;
  const [onlyHigh] = high;
  if (high.length === 1 && onlyHigh !== undefined) return low.includes(onlyHigh) ? high : noLabels;
  return low.filter((label) => high.includes(label));
}

/**
 * Emits the prefixes in which a cover differs from the enclosing entry, ordered by port, shorter prefixes of one port
 * before longer ones.
 */
export function emitPrefixes(cover: PrefixCover, inherited: PortLabel, emit: PrefixSink, bits = 16): void {
  const walk = (node: PrefixCover, inherited: PortLabel, port: number, length: number): void => {
    const label = node.labels.includes(inherited) ? inherited : (node.labels[0] ?? inherited);
    if (label !== inherited) emit(port, length, label);
    if (!node.low || !node.high) return;
    walk(node.low, label, port, length + 1);
    walk(node.high, label, port | (1 << (bits - length - 1)), length + 1);
  };
  walk(cover, inherited, 0, 0);
}
