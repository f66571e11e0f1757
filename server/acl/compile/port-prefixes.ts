import {
  findLowerBound,
  findPortRun,
  noRuleOrder,
  type PortRuns,
  type PortTree,
  type RuleOrder,
} from './port-ranges.ts';

/** Deciding rule and log rule packed into one number, or `defaultEntriesLabel`. */
export type PortLabel = number;
/**
 * Label of ports for which the default entries decide. No rules have this label, because rule 0 cannot both decide and
 * log.
 */
export const defaultEntriesLabel: PortLabel = 0;

export const toPortLabel = ({ decides, logs }: Pick<PortTree, 'decides' | 'logs'>): PortLabel =>
  decides * 16_384 + logs;
export const getDecidingRuleOrder = (label: PortLabel): RuleOrder => Math.floor(label / 16_384);
export const getLoggingRuleOrder = (label: PortLabel): RuleOrder => label % 16_384;

/**
 * Labels with which a range needs the fewest entries below it, if its prefix or a longer enclosing one has one of them:
 * `below` entries, and one more with any other label.
 */
export interface PortPrefixCover {
  readonly labels: readonly PortLabel[];
  readonly below: number;
  readonly low: PortPrefixCover | null;
  readonly high: PortPrefixCover | null;
}

const uniformCover = (labels: readonly PortLabel[]): PortPrefixCover => ({
  labels,
  below: 0,
  low: null,
  high: null,
});
const defaultCover = uniformCover([defaultEntriesLabel]);

/** Returns the label of the entry that an entry list has for any protocol. */
export const getAnyProtocolLabel = ({ labels }: PortPrefixCover): PortLabel =>
  // Where the label of the default entries would do, defaultEntriesLabel does too and needs no entry.
  labels.includes(defaultEntriesLabel) ? defaultEntriesLabel : (labels[0] ?? defaultEntriesLabel);

/** Callback that receives a port prefix: the first `length` bits of `port` are significant, the others are zero. */
type PrefixSink = (port: number, length: number, label: PortLabel) => void;

/** Port tree of a pod's default entries, with the covers of lists that decide the same. */
export interface DefaultEntriesTree {
  readonly tree: PortTree;
  readonly low: DefaultEntriesTree | null;
  readonly high: DefaultEntriesTree | null;
  /** Port prefix cover for ports on which a list decides the same as the default entries. */
  readonly same: PortPrefixCover;
}

export function buildDefaultEntriesTree(tree: PortTree): DefaultEntriesTree {
  if (!tree.low || !tree.high)
    return { tree, low: null, high: null, same: uniformCover([toPortLabel(tree), defaultEntriesLabel]) };
  return {
    tree,
    low: buildDefaultEntriesTree(tree.low),
    high: buildDefaultEntriesTree(tree.high),
    same: defaultCover,
  };
}

/** Splits port runs into the smallest number of port prefixes. */
export class PortPrefixSplitter {
  /** Cache of the covers that consist of one label, which are very common. */
  readonly #uniform = new Map<PortLabel, PortPrefixCover>();

  /**
   * Combines the rules of a list with those of the default entries, whichever come first, and computes the cover with
   * the fewest prefixes, where everything that the default entries decide alike can be left to them. Labels are
   * propagated up a binary tree as Draves et al. do for routes ("Constructing optimal IP routing tables", 1999), with
   * two labels allowed where both agree.
   * @param defaults null for default entries themselves @param bits of a port: 16, fewer in tests
   */
  split(
    { starts, decides, logs }: PortRuns,
    defaults: DefaultEntriesTree | null,
    bits = 16,
  ): PortPrefixCover {
    const walk = (
      start: number,
      width: number,
      first: number,
      end: number,
      defaults: DefaultEntriesTree | null,
    ): PortPrefixCover => {
      if (end - first === 1)
        return this.#run(decides[first] ?? noRuleOrder, logs[first] ?? noRuleOrder, defaults);
      const half = width / 2;
      const high = findLowerBound(starts, start + half, first, end);
      return joinCovers(
        walk(start, half, first, high, defaults?.low ?? defaults),
        walk(
          start + half,
          half,
          findPortRun(starts, start + half, high, end),
          end,
          defaults?.high ?? defaults,
        ),
      );
    };
    return walk(0, 1 << bits, 0, starts.length, defaults);
  }

  /** Returns the cover of a port range in which the list's own rules decide uniformly. */
  #run(decides: RuleOrder, logs: RuleOrder, defaults: DefaultEntriesTree | null): PortPrefixCover {
    if (!defaults) return this.#uniformFor(decides, logs);
    if (decides === noRuleOrder && logs === noRuleOrder) return defaults.same;
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

  #uniformFor(decides: RuleOrder, logs: RuleOrder): PortPrefixCover {
    const label = toPortLabel({ decides, logs: logs < decides ? logs : noRuleOrder });
    const known = this.#uniform.get(label);
    if (known) return known;
    const cover = uniformCover([label]);
    this.#uniform.set(label, cover);
    return cover;
  }
}

function joinCovers(low: PortPrefixCover, high: PortPrefixCover): PortPrefixCover {
  const common = commonLabels(low.labels, high.labels);
  const below = low.below + high.below;
  if (common.length === 0) return { labels: [...low.labels, ...high.labels], below: below + 1, low, high };
  if (below > 0) return { labels: common, below, low, high };
  // No entry is needed below: the parts can be dropped.
  if (common === low.labels) return low;
  return common === high.labels ? high : uniformCover(common);
}

const noLabels: readonly PortLabel[] = [];

/** Returns the labels that two lists have in common. To save memory, returns one of the given lists if possible. */
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
export function emitPortPrefixes(
  cover: PortPrefixCover,
  inherited: PortLabel,
  emit: PrefixSink,
  bits = 16,
): void {
  const walk = (node: PortPrefixCover, inherited: PortLabel, port: number, length: number): void => {
    const label = node.labels.includes(inherited) ? inherited : (node.labels[0] ?? inherited);
    if (label !== inherited) emit(port, length, label);
    if (!node.low || !node.high) return;
    walk(node.low, label, port, length + 1);
    walk(node.high, label, port | (1 << (bits - length - 1)), length + 1);
  };
  walk(cover, inherited, 0, 0);
}
