import { mergeRuleTexts } from '../spec/merge-rules.ts';
import { type ParsedRules, parseRules } from '../spec/rule-yaml.ts';
import { maxPartsOfAnyYaml } from '../spec/text-limits.ts';

/** A parsed rule text; unlike `ParsedRules` it can be sent to another thread. */
export interface ParsedText extends Omit<ParsedRules, 'lineOf'> {
  /** Line number, from 1, on which each rule begins. */
  lines: (number | undefined)[];
}

/** Parses a rule text, and computes the line numbers at once so that the YAML document can be discarded. */
export function parseText(text: string, mostOfAnyYaml?: number): ParsedText {
  const { lineOf, ...parsed } = parseRules(text, mostOfAnyYaml);
  return { ...parsed, lines: parsed.ruleSet.rules.map((_, index) => lineOf(index)) };
}

/** What is parsed where there is no text: rules come from the cluster alone. */
export const noText: ParsedText = {
  source: 'network-policy',
  ruleSet: { name: 'network-policies', defaults: { ingress: 'allow', egress: 'allow' }, rules: [] },
  implied: new Set(),
  notes: [],
  lines: [],
};

/** A rule text as a caller has submitted it. */
export interface SubmittedText {
  text: string;
  /** Text that it is merged into; null if it stands for itself. */
  into: string | null;
}

/** The text that a submitted one leads to, which is stored as it is, and what was parsed from it. */
export interface ResultingText {
  text: string;
  parsed: ParsedText;
}

/**
 * Parses a submitted text, and the merged one if it is merged.
 * @throws ProblemError `bad_rules`, with the lines of the submitted text; `unprocessable` if the texts cannot be merged
 */
export function parseSubmittedText({ text, into }: SubmittedText): ResultingText {
  const parsed = parseText(text, maxPartsOfAnyYaml);
  if (into === null) return { text, parsed };
  const merged = mergeRuleTexts(into, text);
  return { text: merged, parsed: parseText(merged) };
}
