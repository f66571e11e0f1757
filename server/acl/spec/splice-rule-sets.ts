import type { WrittenYaml } from './plain-yaml.ts';
import { findWrittenMember, type WrittenCollection, type WrittenMember } from './written-collections.ts';

const directions = ['ingress', 'egress'] as const;
type Defaults = Partial<Record<(typeof directions)[number], string>>;

/** A rule set whose text is known part by part. */
export interface WrittenRuleSet {
  text: string;
  name: string;
  defaults: Defaults;
  rules: readonly { name: string }[];
  written: { root: WrittenCollection; rules: WrittenCollection; defaults: WrittenCollection | null };
}

/** Describes a rule set that `parseRules` accepts. */
export function describeWrittenRuleSet(text: string, { value, collections }: WrittenYaml): WrittenRuleSet {
  const { name, defaults = {}, rules } = value as Pick<WrittenRuleSet, 'name' | 'defaults' | 'rules'>;
  const [root, list] = [collections.of(value), collections.of(rules)];
  if (!root || !list) throw new Error('a rule set is a mapping that has a list of rules');
  return {
    ...{ text, name, defaults, rules },
    written: { root, rules: list, defaults: collections.of(defaults) ?? null },
  };
}

/** Replacement of a part of a text. */
interface Edit {
  start: number;
  end: number;
  text: string;
}

/**
 * Merges a rule set into another one in the text of that: rules of the same name are replaced in their place, others are
 * added behind the last one, and of two default actions the stricter one holds. All else stays as it is written, and
 * rules come as they are written, unless they are in block style and go into brackets.
 */
export function spliceRuleSets(into: WrittenRuleSet, added: WrittenRuleSet): string {
  const edits = [...editRules(into, added), ...editDefaults(into, added.defaults)];
  let [spliced, at] = ['', 0];
  for (const { start, end, text } of edits.sort((a, b) => a.start - b.start)) {
    spliced += into.text.slice(at, start) + text;
    at = end;
  }
  return spliced + into.text.slice(at);
}

function editRules(into: WrittenRuleSet, added: WrittenRuleSet): Edit[] {
  const { text, written } = into;
  const { style, members } = written.rules;
  const places = new Map(into.rules.map(({ name }, index) => [name, members[index] as WrittenMember]));
  const write = chooseWriter(into, added);
  const edits: Edit[] = [];
  const appended: string[] = [];
  for (const [index, { name }] of added.rules.entries()) {
    const place = places.get(name);
    if (place === undefined) appended.push(write(index, 'appended'));
    else if (style === 'flow')
      edits.push({ start: place.start, end: place.end, text: write(index, 'replaced') });
    else edits.push(replaceItem(text, place, write(index, 'replaced')));
  }
  return appended.length === 0 ? edits : [...edits, appendRules(into, appended)];
}

/** Replaces an item in block style, and the comment above it if the new one has a comment too. */
function replaceItem(text: string, { start, end }: WrittenMember, item: string): Edit {
  const line = lineStartOf(text, start);
  let from = line;
  if (item.trimStart().startsWith('#'))
    for (let above = from; above > 0; from = above) {
      above = lineStartOf(text, from - 1);
      if (!text.slice(above, from).trimStart().startsWith('#')) break;
    }
  return { start: from, end, text: item };
}

/** Adds rules behind the last one. */
function appendRules({ text, written: { root, rules } }: WrittenRuleSet, items: readonly string[]): Edit {
  const last = rules.members.at(-1);
  const [first] = rules.members;
  if (rules.style === 'block') {
    const at = last?.end ?? rules.start;
    return { start: at, end: at, text: items.map((item) => `\n${item}`).join('') };
  }
  if (last && first) {
    const before = text.slice(rules.start + 1, first.start);
    const separator = before.trim() === '' && before !== '' ? before : ' ';
    return { start: last.end, end: last.end, text: items.map((item) => `,${separator}${item}`).join('') };
  }
  if (root.style === 'flow') return { start: rules.start, end: rules.end, text: `[${items.join(', ')}]` };
  // An empty list in brackets, which becomes one in block style.
  const start = text.slice(0, rules.start).trimEnd().length;
  return { start, end: rules.end, text: items.map((item) => `\n${item}`).join('') };
}

/** Chooses how rules are written: a function that returns the text of one by its index. */
function chooseWriter(
  { text, written: { root, rules } }: WrittenRuleSet,
  added: WrittenRuleSet,
): (index: number, as: 'appended' | 'replaced') => string {
  const isBlock = rules.style === 'block' || (rules.members.length === 0 && root.style === 'block');
  const column = rules.members[0]
    ? columnOf(text, rules.members[0].start)
    : columnOf(text, root.members[0]?.start ?? 0) + 2;
  const list = added.written.rules;
  const member = (index: number): WrittenMember => list.members[index] as WrittenMember;
  if (!isBlock)
    return (index) =>
      list.style === 'flow'
        ? shiftLines(added.text.slice(member(index).start, member(index).end), {
            by: column - columnOf(added.text, member(index).start),
            least: columnOf(text, root.members[0]?.start ?? 0) + 1,
          })
        : JSON.stringify(added.rules[index]);
  if (list.style === 'flow')
    return (index) =>
      `${' '.repeat(column)}- ${shiftLines(added.text.slice(member(index).start, member(index).end), {
        by: column + 2 - columnOf(added.text, member(index).start),
        least: column + 2,
      })}`;
  return (index, as) => {
    const { start, end } = member(index);
    const line = lineStartOf(added.text, start);
    const comments = commentsAbove(added, index, line);
    const whole = as === 'appended' ? comments : comments.replace(/^\s*\n/, '');
    return shiftAll(whole + added.text.slice(line, end), column - (start - line));
  };
}

/** Returns the lines between an item in block style and what is before it: comments and blank lines. */
function commentsAbove(
  { text, written: { root, rules } }: WrittenRuleSet,
  index: number,
  line: number,
): string {
  const before = rules.members[index - 1];
  if (before) return text.slice(before.end + 1, line);
  const { start } = findWrittenMember(root, 'rules') as WrittenMember;
  return text.slice(text.indexOf('\n', start) + 1, line);
}

/** Shifts all lines by a number of columns; blank ones stay, and comments that cannot be shifted as far. */
const shiftAll = (text: string, by: number): string =>
  by === 0
    ? text
    : text
        .split('\n')
        .map((line) => shiftLine(line, by, 0))
        .join('\n');

/** Shifts all lines but the first by a number of columns. @param least column that a line has at least */
const shiftLines = (text: string, { by, least }: { by: number; least: number }): string =>
  text
    .split('\n')
    .map((line, index) => (index === 0 ? line : shiftLine(line, by, least)))
    .join('\n');

function shiftLine(line: string, by: number, least: number): string {
  const content = line.trimStart();
  if (content === '') return line;
  return ' '.repeat(Math.max(least, line.length - content.length + by)) + content;
}

const lineStartOf = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const columnOf = (text: string, at: number): number => at - lineStartOf(text, at);

/** A default action as it is written. */
const scalar = /(["']?)[^"'\s,}]+\1/y;

/** Makes the default actions stricter, where those of another rule set are. */
function editDefaults(
  { text, defaults: old, written: { root, defaults } }: WrittenRuleSet,
  young: Defaults,
): Edit[] {
  const stricter = directions.filter((each) => young[each] === 'deny' && old[each] !== 'deny');
  if (stricter.length === 0) return [];
  if (defaults === null) return [addDefaults(text, root, stricter)];
  const edits = stricter.flatMap((direction): Edit[] => {
    const member = findWrittenMember(defaults, direction);
    if (member === null) return [];
    scalar.lastIndex = member.valueStart;
    const [written = '', quote = ''] = scalar.exec(text) ?? [];
    const { valueStart: start } = member;
    return [{ start, end: start + written.length, text: `${quote}deny${quote}` }];
  });
  const missing = stricter.filter((direction) => findWrittenMember(defaults, direction) === null);
  return missing.length === 0 ? edits : [...edits, addMembers(text, defaults, missing)];
}

/** Adds default actions to those that are written. */
function addMembers(
  text: string,
  { style, start, members }: WrittenCollection,
  missing: readonly string[],
): Edit {
  const last = members.at(-1);
  if (style === 'block') {
    const indent = ' '.repeat(columnOf(text, start));
    const at = last?.end ?? start;
    return { start: at, end: at, text: missing.map((each) => `\n${indent}${each}: deny`).join('') };
  }
  const at = last?.end ?? start + 1;
  const written = missing.map((each) => `"${each}": "deny"`).join(', ');
  return { start: at, end: at, text: last ? `, ${written}` : written };
}

/** Adds default actions behind the name of the rule set. */
function addDefaults(text: string, root: WrittenCollection, stricter: readonly string[]): Edit {
  const { end: at } = findWrittenMember(root, 'name') as WrittenMember;
  if (root.style === 'flow') {
    const written = stricter.map((each) => `"${each}": "deny"`).join(', ');
    return { start: at, end: at, text: `, "defaults": {${written}}` };
  }
  const indent = ' '.repeat(columnOf(text, root.start));
  const written = stricter.map((each) => `${each}: deny`).join(', ');
  return { start: at, end: at, text: `\n${indent}defaults: { ${written} }` };
}
