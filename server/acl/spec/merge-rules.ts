import { type Alias, type Document, isMap, isSeq, parseDocument, visit, YAMLSeq } from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import { isKubernetesObject, readNetworkPolicies } from './network-policy-list.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { parseRules } from './rule-yaml.ts';

/** `parseRules` has found that keys are unique; the yaml package would compare each with each other one. */
const parsing = { merge: true, uniqueKeys: false };

/** A YAML document of a rule text, as it is written. */
interface TextDocument {
  text: string;
  /** Names of its NetworkPolicies as `namespace/name`; null for a rule set. */
  policies: string[] | null;
  /** False for a document of comments. */
  hasContent: boolean;
}

/**
 * Merges a rule text into another one, both of which `parseRules` accepts. What has the name of a rule or NetworkPolicy
 * of `into` replaces it, all else is added. Texts of policies stay as they are written. The name of the rule set is
 * kept, and of two default actions the stricter one holds.
 * @throws ProblemError `unprocessable` if a text has YAML directives, or aliases to what is replaced
 */
export function mergeRuleTexts(into: string, added: string): string {
  const before = splitDocuments(into);
  const after = splitDocuments(added);
  const replaced = new Set(after.flatMap(({ policies }) => policies ?? []));
  const own = before.find(({ hasContent, policies }) => hasContent && policies === null);
  const addedSet = after.find(({ hasContent, policies }) => hasContent && policies === null);
  const merged = own && addedSet ? mergeRuleSets(own.text, addedSet.text) : null;
  const kept = before.flatMap((document) => {
    if (document === own && merged !== null) return [merged];
    return document.policies?.every((key) => replaced.has(key)) ? [] : [document.text];
  });
  const appended = after.filter((document) => merged === null || document !== addedSet);
  return [...kept, ...appended.map(({ text }) => text)]
    .filter((text) => text.trim() !== '')
    .map((text) => `${text.trimEnd()}\n`)
    .join('---\n');
}

/** Splits a text at its document markers, which YAML allows nowhere else at the beginning of a line. */
function splitDocuments(text: string): TextDocument[] {
  const parts: string[] = [''];
  for (const line of text.replace(/^\uFEFF/, '').split(/(?<=\n)/)) {
    if (/^%/.test(line) && parts.at(-1)?.trim() === '') refuse('it has YAML directives');
    if (/^(---|\.\.\.)(\s|$)/.test(line)) parts.push(line.slice(3).trimStart());
    else parts[parts.length - 1] += line;
  }
  return parts.map((part) => {
    const { documents } = readPlainYaml(part);
    const value: unknown = documents === null ? parseDocument(part, parsing).toJS() : documents[0]?.value;
    const policies = isKubernetesObject(value)
      ? readNetworkPolicies([{ value, lineOf: () => 1 }]).policies.map(({ key }) => key)
      : null;
    return { text: part, policies, hasContent: value !== null && value !== undefined };
  });
}

/** Merges a rule set into another one in its own text, so that its comments and order stay. */
function mergeRuleSets(into: string, added: string): string {
  const document = parseDocument(into, parsing);
  if (!isSeq(document.get('rules'))) document.set('rules', new YAMLSeq());
  const { items } = document.get('rules') as YAMLSeq;
  const places = new Map(items.map((item, index) => [nameOf(document, item), index]));
  for (const item of readRules(added)) {
    const place = places.get(nameOf(document, item));
    if (place === undefined) items.push(item);
    else items[place] = item;
  }
  const [old, young] = [into, added].map((text) => parseRules(text).ruleSet) as [RuleSet, RuleSet];
  for (const direction of ['ingress', 'egress'] as const)
    if (young.defaults[direction] === 'deny' && old.defaults[direction] !== 'deny')
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
