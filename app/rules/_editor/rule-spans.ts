import type { syntaxTree } from '@codemirror/language';

type Tree = ReturnType<typeof syntaxTree>;
type SyntaxNode = Tree['topNode'];

/** Where a rule stands in the text of a rule set. */
export interface RuleSpan {
  /** In the rule set, from 0. */
  index: number;
  /** Null while none is written. */
  name: string | null;
  from: number;
  to: number;
}

/**
 * The rules of a rule set as the syntax tree of its text has them, also while the text is being written
 * and is no rule set yet.
 * @param slice gives a part of the text
 */
export function ruleSpans(tree: Tree, slice: (from: number, to: number) => string): RuleSpan[] {
  const content = tree.topNode.getChild('Document');
  const set = content && mappingIn(content);
  const rules = set && valueUnder(set, 'rules', slice);
  if (!rules) return [];
  return rules.getChildren('Item').map((item, index) => {
    const mapping = mappingIn(item);
    const name = mapping && valueUnder(mapping, 'name', slice);
    return {
      index,
      name: name ? plainText(slice(name.from, name.to)) : null,
      // A rule in block style begins at its dash.
      from: item.prevSibling?.name === '-' ? item.prevSibling.from : item.from,
      to: item.to,
    };
  });
}

/** The rule at a place of the text: the last one that began before it. */
export const ruleAt = (spans: readonly RuleSpan[], position: number): RuleSpan | null =>
  spans.findLast(({ from }) => from <= position) ?? null;

const mappingIn = (node: SyntaxNode): SyntaxNode | null =>
  node.getChild('BlockMapping') ?? node.getChild('FlowMapping');

function valueUnder(
  mapping: SyntaxNode,
  key: string,
  slice: (from: number, to: number) => string,
): SyntaxNode | null {
  for (const pair of mapping.getChildren('Pair')) {
    const name = pair.getChild('Key');
    if (name === null || plainText(slice(name.from, name.to)) !== key) continue;
    const value = pair.lastChild;
    return value === null || value.name === 'Key' || value.name === ':' ? null : value;
  }
  return null;
}

/** What a scalar says, without its quotes. */
function plainText(source: string): string {
  const text = source.trim();
  if (text.startsWith("'") && text.endsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
