import { isMap, LineCounter, parseAllDocuments, stringify } from 'yaml';
import { type RuleSet, ruleSet } from '../../../contract/acl.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { isNetworkPolicy, readNetworkPolicies } from './network-policy.ts';
import { type Complaint, complaintsOf, type Path, type Source } from './located-document.ts';

/** A rule set with what its text says of it. */
export interface ReadRules {
  /** What the text was. */
  source: 'rules' | 'network-policy';
  ruleSet: RuleSet;
  /** Line, from 1, on which a rule begins, by its index; of a NetworkPolicy, what the rule was made from. */
  lineOf(index: number): number | undefined;
}

/**
 * Reads a rule set, or Kubernetes NetworkPolicies, from YAML (or JSON, which is YAML too).
 * @throws ProblemError `bad_rules`; each of its errors with a line
 */
export function readRules(text: string): ReadRules {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if ('empty' in documents) refuse([{ path: '', message: 'there is nothing in the text', line: 1 }]);
  const wrong = documents.flatMap(({ errors }) =>
    errors.map(({ message, pos }) => ({ path: '', message, line: lines.linePos(pos[0]).line })),
  );
  if (wrong.length > 0) refuse(wrong);
  const sources = documents
    .filter(({ contents }) => contents !== null)
    .map((document): Source => {
      const value = readValue(() => document.toJS());
      return { value, lineOf: (path) => lines.linePos(offsetOf(document.contents, path)).line };
    });
  const [first, second] = sources;
  if (!first) refuse([{ path: '', message: 'there is nothing in the text', line: 1 }]);
  if (sources.some(({ value }) => isNetworkPolicy(value))) {
    const read = readNetworkPolicies(sources);
    return 'wrong' in read ? refuse(read.wrong) : { ...read, source: 'network-policy' };
  }
  if (second)
    refuse([
      { path: '', message: 'a second document: one rule set is one document', line: second.lineOf([]) },
    ]);
  const parsed = ruleSet.safeParse(first.value);
  if (!parsed.success) refuse(complaintsOf(parsed.error, first));
  return { ruleSet: parsed.data, source: 'rules', lineOf: (index) => first.lineOf(['rules', index]) };
}

/** Aliases of aliases are refused by the package: they would become a text without end. */
function readValue(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return refuse([{ path: '', message: (error as Error).message, line: 1 }]);
  }
}

function refuse(errors: Complaint[]): never {
  const told = errors
    .slice(0, 3)
    .map(({ line, path, message }) => `line ${line}: ${path && `${path}: `}${message}`);
  const more = errors.length > told.length ? ` (and ${errors.length - told.length} more)` : '';
  throw new ProblemError('bad_rules', `read access rules: ${told.join('; ')}${more}`, {
    hint: 'Nothing was changed. Correct the lines and send the text again.',
    errors: errors.slice(0, 100),
  });
}

/** Where in the text the path leads; where it does not lead on, the last that is there. */
function offsetOf(contents: unknown, path: Path): number {
  let node = contents as { range?: [number, number, number] | null } | null;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key: name }) => String(name) === String(key));
      if (!pair) break;
      // A value in block style begins on the line after its key.
      offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset;
      node = pair.value as typeof node;
    } else {
      const items = (node as { items?: unknown[] } | null)?.items;
      const item = items?.[Number(key)] as typeof node | undefined;
      if (!item) break;
      node = item;
      offset = item.range?.[0] ?? offset;
    }
  }
  return offset;
}

/** As YAML that reads back as the same rule set; what is as the default has it is left out. */
export function writeRules({ name, defaults, rules }: RuleSet): string {
  const short = rules.map(({ peers, protocol, ports, icmp, priority, action, ...rule }) => ({
    ...rule,
    ...(peers.length > 0 && {
      peers: peers.map((peer) =>
        'cidr' in peer && peer.except.length === 0 ? { cidr: peer.cidr } : withoutEmpty(peer),
      ),
    }),
    subject: withoutEmpty(rule.subject),
    ...(protocol !== 'any' && { protocol }),
    ...(ports.length > 0 && { ports }),
    ...(icmp.length > 0 && { icmp }),
    action,
    ...(priority !== 1000 && { priority }),
  }));
  return stringify({ name, defaults, rules: short }, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Selectors without the halves that say nothing. */
function withoutEmpty<T extends object>(term: T): T {
  const short = { ...term } as Record<string, unknown>;
  for (const key of ['selector', 'pods'])
    if (short[key])
      short[key] = Object.fromEntries(
        Object.entries(short[key]).filter(([, part]) => Object.keys(part as object).length > 0),
      );
  return short as T;
}
