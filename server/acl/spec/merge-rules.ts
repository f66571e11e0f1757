import { type Alias, Document, isMap, isSeq, parseDocument, visit, YAMLSeq } from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import { isKubernetesObject, listPolicyNames } from './network-policy-list.ts';
import { readWrittenYaml, type WrittenYaml } from './plain-yaml.ts';
import { describeWrittenRuleSet, spliceRuleSets } from './splice-rule-sets.ts';
import { checkTextLimits, maxPartsOfMergedYaml, maxTextBytes } from './text-limits.ts';

/** `parseRules` has found that keys are unique; the yaml package would compare each with each other one. */
const parsing = { merge: true, uniqueKeys: false };

/** A YAML document of a rule text, as it is written. */
interface TextDocument {
  text: string;
  /** Its values; null for a document of comments. */
  value: unknown;
  /** True for objects of Kubernetes, false for a rule set. */
  isPolicies: boolean;
  /** The same text with line feeds alone and where it is written; null if it is not plain YAML. */
  plain: (WrittenYaml & { text: string }) | null;
}

/**
 * Merges a rule text into another one, both of which `parseRules` accepts. What has the name of a rule or NetworkPolicy
 * of `into` replaces it, all else is added. Policies and plain YAML stay as they are written, other rule sets keep their
 * comments and order. The name of the rule set is kept, and of two default actions the stricter one holds.
 * @throws ProblemError `unprocessable` if a text has YAML directives, or aliases to what is replaced, or is too large
 */
export function mergeRuleTexts(into: string, added: string): string {
  const [before, after] = readBoth(into, added);
  const replaced = new Set(after.flatMap(listPolicies));
  const own = before.find(isRuleSet);
  const addedSet = after.find(isRuleSet);
  const merged = own && addedSet ? mergeRuleSets(own, addedSet) : null;
  const kept = before.flatMap((document) => {
    if (document === own && merged !== null) return [merged];
    const isReplaced = document.isPolicies && listPolicies(document).every((name) => replaced.has(name));
    return isReplaced ? [] : [document.text];
  });
  const appended = after.filter((document) => merged === null || document !== addedSet);
  const text = [...kept, ...appended.map(({ text }) => text)]
    .filter((text) => text.trim() !== '')
    .map((text) => `${text.trimEnd()}\n`)
    .join('---\n');
  if (Buffer.byteLength(text) > maxTextBytes)
    refuse(`they have more than ${maxTextBytes >> 20} MiB together`);
  return text;
}

const isRuleSet = ({ value, isPolicies }: TextDocument): boolean => value !== null && !isPolicies;
const listPolicies = ({ value, isPolicies }: TextDocument): string[] =>
  isPolicies ? listPolicyNames(value) : [];

/** Reads the documents of both texts. @throws ProblemError `unprocessable` before what would take long */
function readBoth(into: string, added: string): readonly [TextDocument[], TextDocument[]] {
  const texts = [splitText(into), splitText(added)] as const;
  const plain = new Map(texts.flat().map((text) => [text, readPlain(text)]));
  const isPlain = [...plain.values()].every((each) => each !== null);
  if (!isPlain && checkTextLimits(into) + checkTextLimits(added) > maxPartsOfMergedYaml)
    refuse(
      `one has an anchor, alias, merge key, tag, block scalar, scalar of several lines or special number, and both together have more than ${maxPartsOfMergedYaml} lines, keys and list items`,
    );
  const describe = (text: string): TextDocument => {
    const read = plain.get(text) ?? null;
    const value: unknown = read ? read.value : (parseDocument(text, parsing).toJS() ?? null);
    return { text, value, isPolicies: isKubernetesObject(value), plain: read };
  };
  return [texts[0].map(describe), texts[1].map(describe)];
}

function readPlain(written: string): TextDocument['plain'] {
  const text = written.replaceAll('\r\n', '\n');
  const read = readWrittenYaml(text);
  return read && { ...read, text };
}

/** Splits a text at its document markers, which YAML allows nowhere else at the beginning of a line. */
function splitText(whole: string): string[] {
  const text = whole.replace(/^\uFEFF/, '');
  const parts: string[] = [];
  let at = 0;
  for (const { index } of text.matchAll(/(?<=^|\n)(?:---|\.\.\.)(?=\s|$)/g)) {
    parts.push(text.slice(at, index));
    at = index + 3;
  }
  parts.push(text.slice(at));
  return parts.map((part, index) => {
    if (/^(?:[ \t]*(?:#[^\n]*)?\r?\n)*%/.test(part)) refuse('it has YAML directives');
    // What follows a marker in its line.
    return index === 0 ? part : part.replace(/^[ \t]*(?:\r?\n)?/, '');
  });
}

/** Merges a rule set into another one in its own text. */
function mergeRuleSets(into: TextDocument, added: TextDocument): string {
  if (into.plain === null) return mergeAnyYaml(into, added);
  const plain = added.plain ?? readPlain(formatAsPlain(added));
  if (plain === null) return mergeAnyYaml(into, added);
  return spliceRuleSets(
    describeWrittenRuleSet(into.plain.text, into.plain),
    describeWrittenRuleSet(plain.text, plain),
  );
}

/** Writes a rule set anew, with its comments unless aliases lead out of its rules. */
function formatAsPlain({ text, value }: TextDocument): string {
  const rules = new YAMLSeq();
  rules.items = readRules(text);
  const document = new Document({ ...(value as RuleSetInput), rules });
  return document.toString({ lineWidth: 0 });
}

/** Merges a rule set into one that only the yaml package reads, so that its comments and order stay. */
function mergeAnyYaml(into: TextDocument, added: TextDocument): string {
  const document = parseDocument(into.text, parsing);
  const rules = document.get('rules');
  if (!isSeq(rules)) return refuse('its list of rules is an alias, or is merged');
  const { items } = rules;
  const places = new Map(items.map((item, index) => [nameOf(document, item), index]));
  for (const item of readRules(added.text)) {
    const place = places.get(nameOf(document, item));
    if (place === undefined) items.push(item);
    else items[place] = item;
  }
  const [old = {}, young = {}] = [into, added].map(({ value }) => (value as RuleSetInput).defaults);
  for (const direction of ['ingress', 'egress'] as const)
    if (young[direction] === 'deny' && old[direction] !== 'deny')
      document.setIn(['defaults', direction], 'deny');
  try {
    return document.toString({ lineWidth: 0 });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** Returns the name of a rule, which is a map or an alias of one. */
const nameOf = (document: Document, item: unknown): unknown =>
  isMap(item) ? item.get('name') : (item as Alias).resolve(document)?.toJS(document).name;

/** Returns the rules of a text as nodes, with their comments unless aliases lead out of them. */
function readRules(text: string): unknown[] {
  const document = parseDocument(text, parsing);
  let aliases = false;
  visit(document, {
    Alias() {
      aliases = true;
      return visit.BREAK;
    },
  });
  const rules = document.get('rules');
  if (!aliases) return isSeq(rules) ? rules.items : [];
  const { rules: values } = document.toJS() as { rules?: unknown[] };
  return (values ?? []).map((value) => document.createNode(value));
}

function refuse(why: string): never {
  throw new ProblemError('unprocessable', `merge access rules: a text cannot be merged: ${why}`, {
    hint: 'Nothing was changed. Apply one text that has all rules.',
  });
}
