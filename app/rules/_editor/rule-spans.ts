import type { syntaxTree } from '@codemirror/language';

type Tree = ReturnType<typeof syntaxTree>;
type SyntaxNode = Tree['topNode'];

/** Position of a rule in a text. */
export interface RuleSpan {
  /** Index of the span in the text, from 0. */
  index: number;
  /** Name of the rule; null if the rule has no name yet. */
  name: string | null;
  from: number;
  to: number;
}

/** Returns a part of the text. */
type Slice = (from: number, to: number) => string;
type Span = Omit<RuleSpan, 'index'>;

/**
 * Finds the rules in the syntax tree of a text, including incomplete text that is not valid yet: those of a rule set, and
 * those that NetworkPolicies lead to.
 */
export function findRuleSpans(tree: Tree, slice: Slice): RuleSpan[] {
  return tree.topNode
    .getChildren('Document')
    .flatMap((content): Span[] => {
      const mapping = mappingIn(content);
      if (!mapping) return [];
      const kind = valueUnder(mapping, 'kind', slice);
      return kind && plainText(slice(kind.from, kind.to)) === 'NetworkPolicy'
        ? findPolicySpans(mapping, slice)
        : itemsUnder(mapping, 'rules', slice).map((item) => ({
            name: textUnder(item, 'name', slice),
            ...item.span,
          }));
    })
    .map((span, index) => ({ index, ...span }));
}

interface Item {
  mapping: SyntaxNode | null;
  span: Pick<RuleSpan, 'from' | 'to'>;
}

function itemsUnder(mapping: SyntaxNode | null, key: string, slice: Slice): Item[] {
  const list = mapping && valueUnder(mapping, key, slice);
  return (list?.getChildren('Item') ?? []).map((item) => ({
    mapping: mappingIn(item),
    span: {
      // In block style a rule begins at its dash.
      from: item.prevSibling?.name === '-' ? item.prevSibling.from : item.from,
      to: item.to,
    },
  }));
}

function textUnder({ mapping }: Pick<Item, 'mapping'>, key: string, slice: Slice): string | null {
  const value = mapping && valueUnder(mapping, key, slice);
  return value ? plainText(slice(value.from, value.to)) : null;
}

/**
 * Finds the rules of a NetworkPolicy, and itself as the one that denies the rest. A rule with ports of several protocols
 * has the name of the first.
 */
function findPolicySpans(policy: SyntaxNode, slice: Slice): Span[] {
  const fieldOf = (mapping: SyntaxNode | null, key: string): SyntaxNode | null => {
    const value = mapping && valueUnder(mapping, key, slice);
    return value && (value.name.endsWith('Mapping') ? value : mappingIn(value));
  };
  const metadata = { mapping: fieldOf(policy, 'metadata') };
  const spec = fieldOf(policy, 'spec');
  const key = `${textUnder(metadata, 'namespace', slice) || 'default'}/${textUnder(metadata, 'name', slice)}`;
  const types = textUnder({ mapping: spec }, 'policyTypes', slice) ?? '';
  const isolated = types.includes('Egress') && !types.includes('Ingress') ? 'egress' : 'ingress';
  const rules = (['ingress', 'egress'] as const).flatMap((direction) =>
    itemsUnder(spec, direction, slice).map(({ mapping, span }, index): Span => {
      const [port] = itemsUnder(mapping, 'ports', slice);
      const protocol = port ? ` ${(textUnder(port, 'protocol', slice) ?? 'TCP').toLowerCase()}` : '';
      return { name: `${key} ${direction} ${index + 1}${protocol}`, ...span };
    }),
  );
  const whole = {
    name: `${key} ${isolated} rest`,
    from: policy.getChild('Pair')?.from ?? policy.from,
    to: policy.to,
  };
  return [whole, ...rules.sort((a, b) => a.from - b.from)];
}

/**
 * Returns the place of a rule by its name. A rule of a NetworkPolicy may have another protocol than the one that its
 * place is named by, or be one that no line states.
 */
export function findRuleByName(spans: readonly RuleSpan[], name: string): RuleSpan | undefined {
  const withoutProtocol = (text: string): string => text.replace(/ (tcp|udp|sctp)$/, '');
  const exact = spans.find((span) => span.name === name);
  if (exact || !/^[^ ]+\/[^ ]+ (ingress|egress) /.test(name)) return exact;
  const [key] = name.split(' ');
  return (
    spans.find((span) => span.name !== null && withoutProtocol(span.name) === withoutProtocol(name)) ??
    spans.find((span) => span.name?.startsWith(`${key} `))
  );
}

/** Returns the rule at a position in the text, which is the last one that begins at or before the position. */
export const findRuleAtPosition = (spans: readonly RuleSpan[], position: number): RuleSpan | null =>
  spans.findLast(({ from }) => from <= position) ?? null;

const mappingIn = (node: SyntaxNode): SyntaxNode | null =>
  node.getChild('BlockMapping') ?? node.getChild('FlowMapping');

function valueUnder(mapping: SyntaxNode, key: string, slice: Slice): SyntaxNode | null {
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
