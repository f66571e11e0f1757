import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  parseAllDocuments,
  stringify,
  type YAMLMap,
} from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import { maxRules, type RuleSet, ruleSetSchema, tooManyRules } from '../../../contract/rule-set.ts';
import { findDuplicateKeys } from './duplicate-keys.ts';
import {
  formatPath,
  type LocatedDocument,
  type LocatedParseError,
  locateZodErrors,
  maxListedErrors,
  type ValuePath,
} from './located-document.ts';
import { type ConvertedRule, convertNetworkPolicies } from './network-policy.ts';
import { isKubernetesObject, readNetworkPolicies } from './network-policy-list.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { checkTextLimits, maxParts, refuseAnyYaml } from './text-limits.ts';
import { findUnreadableKey, readScalarsAsYaml11 } from './yaml-11-scalars.ts';

/** Formats of a rule text: a Podlane rule set, Kubernetes NetworkPolicies, or policies beside a rule set. */
export type RuleTextSource = 'rules' | 'network-policy' | 'both';

/** A rule set parsed from text, with the line number of each rule. */
export interface ParsedRules {
  source: RuleTextSource;
  ruleSet: RuleSet;
  /** Returns the line, from 1, on which a rule or the corresponding part of a NetworkPolicy begins. */
  lineOf(index: number): number | undefined;
  /** Indexes of the rules that no line states: those of the isolation by a NetworkPolicy. */
  implied: ReadonlySet<number>;
  /** What to tell the author about a rule's line. */
  notes: readonly { index: number; message: string }[];
}

/**
 * Parses a rule set, Kubernetes NetworkPolicies, or both from YAML (or JSON, which is YAML too). Documents without
 * content are nothing.
 * @param mostOfAnyYaml maximum number of lines, keys and list items of a text that is not plain YAML
 * @throws ProblemError `bad_rules`; each of its errors has a line
 */
export function parseRules(text: string, mostOfAnyYaml = maxParts): ParsedRules {
  const documents = parseDocuments(text, mostOfAnyYaml);
  const policyDocuments = documents.filter(({ value }) => isKubernetesObject(value));
  const [ruleSet, second] = documents.filter(({ value }) => !isKubernetesObject(value));
  if (second)
    rejectText([
      {
        path: '',
        message: 'a rule set is a single document, but the text has another one',
        line: second.lineOf([]),
      },
    ]);
  const own = ruleSet ? parseRuleSet(ruleSet) : null;
  if (own && policyDocuments.length === 0) return { ...own, source: 'rules', implied: new Set(), notes: [] };
  const { policies, errors } = readNetworkPolicies(policyDocuments);
  if (errors.length > 0) rejectText(errors);
  return addConvertedRules(own, convertNetworkPolicies(policies));
}

/** Parses the YAML documents of a text. @throws ProblemError `bad_rules` */
function parseDocuments(text: string, mostOfAnyYaml: number): LocatedDocument[] {
  const parts = checkTextLimits(text);
  const plain = readPlainYaml(text);
  if (plain.documents === null && parts > mostOfAnyYaml) refuseAnyYaml(plain.line);
  const documents = plain.documents ?? readAnyYaml(text);
  if (documents.length === 0) rejectText([{ path: '', message: 'the text is empty', line: 1 }]);
  return documents;
}

/** Has the yaml package read the documents of a text that have content. @throws ProblemError `bad_rules` */
export function readAnyYaml(text: string): LocatedDocument[] {
  const lines = new LineCounter();
  const documents = readYaml(() =>
    parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, uniqueKeys: false }),
  );
  if ('empty' in documents) return [];
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  const syntaxErrors = documents
    .flatMap(findSyntaxErrors)
    .map(({ message, offset }) => ({ path: '', message, line: lineAt(offset) }));
  if (syntaxErrors.length > 0) rejectText(syntaxErrors);
  return documents.flatMap((document): LocatedDocument[] => {
    const value = readYaml(() => readValue(document));
    if (value === null || value === undefined) return [];
    return [{ value, lineOf: (path) => lineAt(findOffset(document.contents, path)) }];
  });
}

/** Finds what makes a document unreadable, with its offset in the text. */
function findSyntaxErrors(document: Document.Parsed): { message: string; offset: number }[] {
  const unreadable = readYaml(() => findUnreadableKey(document));
  return [
    ...document.errors.map(({ message, pos }) => ({ message, offset: pos[0] })),
    ...findDuplicateKeys(document.contents).map((offset) => ({ message: 'Map keys must be unique', offset })),
    ...(unreadable === null ? [] : [unreadable]),
  ];
}

function parseRuleSet(document: LocatedDocument): Pick<ParsedRules, 'ruleSet' | 'lineOf'> {
  const { rules } = document.value as { rules?: unknown };
  rejectTooMany(Array.isArray(rules) ? rules.length : 0, (index) => document.lineOf(['rules', index]));
  const parsed = ruleSetSchema.safeParse(document.value);
  if (!parsed.success) rejectText(locateZodErrors(parsed.error, document));
  return { ruleSet: parsed.data, lineOf: (index) => document.lineOf(['rules', index]) };
}

/** Refuses more rules than there may be before each is looked at, which the schema does first. */
function rejectTooMany(count: number, lineOf: (index: number) => number | undefined): void {
  if (count <= maxRules) return;
  rejectText([
    {
      path: formatPath(['rules', maxRules]),
      message: tooManyRules(count),
      line: lineOf(maxRules) ?? 1,
    },
  ]);
}

/** Adds the rules of NetworkPolicies after those of a rule set, if there is one. @throws ProblemError `bad_rules` */
function addConvertedRules(
  own: Pick<ParsedRules, 'ruleSet' | 'lineOf'> | null,
  converted: readonly ConvertedRule[],
): ParsedRules {
  const { name, defaults, rules } = own?.ruleSet ?? { name: 'network-policies', rules: [] };
  const before = rules.length;
  const lineOf = (index: number): number | undefined =>
    index < before ? own?.lineOf(index) : converted[index - before]?.line;
  rejectTooMany(before + converted.length, lineOf);
  const parsed = ruleSetSchema.safeParse({
    name,
    defaults,
    rules: [...rules, ...converted.map(({ rule }) => rule)],
  });
  if (!parsed.success) {
    const document: LocatedDocument = {
      value: null,
      lineOf: ([, index]) => lineOf(Number(index ?? 0)) ?? 1,
    };
    rejectText(locateZodErrors(parsed.error, document));
  }
  return {
    source: own ? 'both' : 'network-policy',
    ruleSet: parsed.data,
    lineOf,
    implied: new Set(converted.flatMap(({ implied }, index) => (implied ? [before + index] : []))),
    notes: converted.flatMap(({ notes }, index) =>
      notes.map((message) => ({ index: before + index, message })),
    ),
  };
}

/** Converts a YAML document to plain values. The yaml package limits the expansion of aliases. */
function readValue(document: Document): unknown {
  const { contents } = document;
  if (isMap(contents) && (contents.has('kind') || contents.has('apiVersion'))) readScalarsAsYaml11(document);
  return document.toJS();
}

/** Has YAML read, of which the yaml package exceeds the call stack (RangeError) where values are nested deeply. */
function readYaml<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof RangeError ? 'values are nested too deeply' : (error as Error).message;
    return rejectText([{ path: '', message, line: 1 }]);
  }
}

function rejectText(errors: LocatedParseError[]): never {
  const listed = errors
    .slice(0, 3)
    .map(({ line, path, message }) => `line ${line}: ${path && `${path}: `}${message}`);
  const rest = errors.length - listed.length;
  const more = errors.length < maxListedErrors ? ` (and ${rest} more)` : ' (and more)';
  throw new ProblemError('bad_rules', `parse access rules: ${listed.join('; ')}${rest > 0 ? more : ''}`, {
    hint: 'Nothing was changed. Correct the lines and send the text again.',
    errors: errors.slice(0, maxListedErrors),
  });
}

type YamlPair = YAMLMap['items'][number];

const pairsByMap = new WeakMap<YAMLMap, Map<string, YamlPair>>();

/** Returns the pairs of a mapping by key. Kept, because a text of many faults asks for many keys of one mapping. */
function pairsOf(node: YAMLMap): Map<string, YamlPair> {
  const known = pairsByMap.get(node);
  if (known !== undefined) return known;
  const pairs = new Map(node.items.toReversed().map((pair) => [nameOfKey(pair.key), pair]));
  pairsByMap.set(node, pairs);
  return pairs;
}

/** Returns the text of a key; that of a merge key is a symbol of its own in the yaml package. */
const nameOfKey = (key: unknown): string =>
  isScalar(key) && typeof key.value === 'symbol' ? mergeKey : String(key);
const mergeKey = '<<';

/** Returns the text offset of the YAML node at `path`, or of its deepest existing ancestor. */
function findOffset(contents: unknown, path: ValuePath): number {
  let node = contents as { range?: [number, number, number] | null } | null;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pairs = pairsOf(node);
      const pair = pairs.get(String(key)) ?? pairs.get(mergeKey);
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

/** Removes empty fields from the terms `selector`, `pods` and `namespaces` before they are formatted. */
function omitEmptySelectors<T extends object>(term: T): T {
  const shortened = { ...term } as Record<string, unknown>;
  for (const key of ['selector', 'pods', 'namespaces'])
    if (shortened[key])
      shortened[key] = Object.fromEntries(
        Object.entries(shortened[key]).filter(([, part]) => Object.keys(part as object).length > 0),
      );
  return shortened as T;
}
