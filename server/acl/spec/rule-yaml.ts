import { isMap, LineCounter, parseAllDocuments, stringify } from 'yaml';
import { type RuleSet, ruleSetSchema } from '../../../contract/acl.ts';
import { ProblemError } from '../../../contract/problem.ts';
import {
  type LocatedDocument,
  type LocatedParseError,
  locateZodErrors,
  type ValuePath,
} from './located-document.ts';
import { convertNetworkPolicies, isNetworkPolicy } from './network-policy.ts';

/** A rule set parsed from text, with the line number of each rule. */
interface ParsedRules {
  /** Format of the parsed text: a Podlane rule set or Kubernetes NetworkPolicies. */
  source: 'rules' | 'network-policy';
  ruleSet: RuleSet;
  /** Returns the line, from 1, on which a rule or the corresponding part of a NetworkPolicy begins. */
  lineOf(index: number): number | undefined;
}

/**
 * Parses a rule set, or Kubernetes NetworkPolicies, from YAML (or JSON, which is YAML too).
 * @throws ProblemError `bad_rules`; each of its errors has a line
 */
export function parseRules(text: string): ParsedRules {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if ('empty' in documents) rejectText([{ path: '', message: 'the text is empty', line: 1 }]);
  const syntaxErrors = documents.flatMap(({ errors }) =>
    errors.map(({ message, pos }) => ({ path: '', message, line: lines.linePos(pos[0]).line })),
  );
  if (syntaxErrors.length > 0) rejectText(syntaxErrors);
  const sources = documents
    .filter(({ contents }) => contents !== null)
    .map((document): LocatedDocument => {
      const value = readValue(() => document.toJS());
      return { value, lineOf: (path) => lines.linePos(findOffset(document.contents, path)).line };
    });
  const [first, second] = sources;
  if (!first) rejectText([{ path: '', message: 'the text is empty', line: 1 }]);
  if (sources.some(({ value }) => isNetworkPolicy(value))) {
    const read = convertNetworkPolicies(sources);
    return 'errors' in read
      ? rejectText(read.errors)
      : { ruleSet: read.ruleSet, lineOf: read.lineOf, source: 'network-policy' };
  }
  if (second)
    rejectText([
      {
        path: '',
        message: 'a rule set is a single document, but the text has another one',
        line: second.lineOf([]),
      },
    ]);
  const parsed = ruleSetSchema.safeParse(first.value);
  if (!parsed.success) rejectText(locateZodErrors(parsed.error, first));
  return { ruleSet: parsed.data, source: 'rules', lineOf: (index) => first.lineOf(['rules', index]) };
}

/** Converts a YAML document to plain values. The yaml package limits the expansion of aliases. */
function readValue(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return rejectText([{ path: '', message: (error as Error).message, line: 1 }]);
  }
}

function rejectText(errors: LocatedParseError[]): never {
  const listed = errors
    .slice(0, 3)
    .map(({ line, path, message }) => `line ${line}: ${path && `${path}: `}${message}`);
  const more = errors.length > listed.length ? ` (and ${errors.length - listed.length} more)` : '';
  throw new ProblemError('bad_rules', `parse access rules: ${listed.join('; ')}${more}`, {
    hint: 'Nothing was changed. Correct the lines and send the text again.',
    errors: errors.slice(0, 100),
  });
}

/** Returns the text offset of the YAML node at `path`, or of its deepest existing ancestor. */
function findOffset(contents: unknown, path: ValuePath): number {
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

/** Formats a rule set as YAML, without fields that have default values. */
export function formatRulesAsYaml({ name, defaults, rules }: RuleSet): string {
  const shortened = rules.map(({ peers, protocol, ports, icmp, priority, action, ...rule }) => ({
    ...rule,
    ...(peers.length > 0 && {
      peers: peers.map((peer) =>
        'cidr' in peer && peer.except.length === 0 ? { cidr: peer.cidr } : omitEmptySelectors(peer),
      ),
    }),
    subject: omitEmptySelectors(rule.subject),
    ...(protocol !== 'any' && { protocol }),
    ...(ports.length > 0 && { ports }),
    ...(icmp.length > 0 && { icmp }),
    action,
    ...(priority !== 1000 && { priority }),
  }));
  return stringify({ name, defaults, rules: shortened }, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Removes empty fields from the terms `selector` and `pods` before they are formatted. */
function omitEmptySelectors<T extends object>(term: T): T {
  const shortened = { ...term } as Record<string, unknown>;
  for (const key of ['selector', 'pods'])
    if (shortened[key])
      shortened[key] = Object.fromEntries(
        Object.entries(shortened[key]).filter(([, part]) => Object.keys(part as object).length > 0),
      );
  return shortened as T;
}
