import type { syntaxTree } from '@codemirror/language';

type Tree = ReturnType<typeof syntaxTree>;
type SyntaxNode = Tree['topNode'];

/** Position of a rule in the text of a rule set. */
export interface RuleSpan {
  /** Index of the rule in the rule set, from 0. */
  index: number;
  /** Name of the rule; null if the rule has no name yet. */
  name: string | null;
  from: number;
  to: number;
}

/**
 * Finds the rules in the syntax tree of a text, including incomplete text that is not a valid rule set yet.
 * @param slice returns a part of the text
 */
export function findRuleSpans(tree: Tree, slice: (from: number, to: number) => string): RuleSpan[] {
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
      // In block style a rule begins at its dash.
      from: item.prevSibling?.name === '-' ? item.prevSibling.from : item.from,
      to: item.to,
    };
  });
}

/** Returns the rule at a position in the text, which is the last one that begins at or before the position. */
export const findRuleAtPosition = (spans: readonly RuleSpan[], position: number): RuleSpan | null =>
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

/** Returns the text of a YAML scalar without quotes. */
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
