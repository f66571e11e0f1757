import { ProblemError } from '../../../contract/problem.ts';

/** Maximum size of a rules text in bytes, enough for 10,000 rules of a few lines each. */
export const maxTextBytes = 8 << 20;
/** Maximum number of lines, keys and list items of a rules text together. 8 MiB of rules have about a million. */
export const maxParts = 2_000_000;
/**
 * The same for a text that `readPlainYaml` leaves to the yaml package, which needs up to 13 µs for each. Texts that are
 * stored already may have as many as others.
 */
export const maxPartsOfAnyYaml = 100_000;
/** The same for two texts that are merged, of which one is not plain: it is read, written and read again. */
export const maxPartsOfMergedYaml = 40_000;
/** Maximum number of keys of one mapping. A large one costs much more than many small ones. */
export const maxKeys = 10_000;
/** Maximum number of anchors and aliases together: the YAML parser looks through all of them for each alias. */
const maxReferences = 10_000;
/** Maximum depth of brackets and of list items in one line. Rules have less than 10. */
const maxDepth = 100;
/** Maximum indentation of a line in columns: nesting in block style. */
const maxIndentation = 1000;

const codes = {
  tab: 9,
  newline: 10,
  carriageReturn: 13,
  space: 32,
  ampersand: 38,
  asterisk: 42,
  comma: 44,
  dash: 45,
  colon: 58,
  complexKey: 63,
  openSquare: 91,
  closeSquare: 93,
  openCurly: 123,
  closeCurly: 125,
} as const;

/** Characters after which an anchor or alias can begin. */
const beforeToken = new Set(Array.from(' \t\r\n[]{},:"\'', (character) => character.charCodeAt(0)));

/**
 * Refuses a text whose parsing would take long, by one pass over its characters: the yaml package needs a thousand times
 * the time for a key. Counts what could be a line, key, list item, anchor or alias, also inside quotes and comments.
 * @returns the number of lines, keys and list items
 * @throws ProblemError `bad_rules`, with the line on which a limit is exceeded
 */
export function checkTextLimits(text: string): number {
  let [parts, references, line, depth, indentation, dashes] = [0, 0, 1, 0, 0, 0];
  let atStart = true;
  const refuse = (message: string): never => refuseText(line, message);
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    switch (code) {
      case codes.newline:
      case codes.carriageReturn:
        parts += 1;
        if (code === codes.newline) line += 1;
        [indentation, dashes, atStart] = [0, 0, true];
        break;
      case codes.openSquare:
      case codes.openCurly:
        parts += 1;
        depth += 1;
        break;
      case codes.closeSquare:
      case codes.closeCurly:
        depth = Math.max(0, depth - 1);
        break;
      case codes.ampersand:
      case codes.asterisk:
        parts += 1;
        // Elsewhere they are part of a word, such as an address of the web.
        if (i === 0 || beforeToken.has(text.charCodeAt(i - 1))) references += 1;
        break;
      case codes.comma:
      case codes.colon:
        parts += 1;
        break;
      case codes.dash:
      case codes.complexKey:
        parts += 1;
        if (atStart) dashes += 1;
        break;
      case codes.space:
      case codes.tab:
        if (atStart) indentation += 1;
        break;
      default:
        atStart = false;
    }
    if (parts > maxParts) refuse(`the text has more than ${maxParts} lines, keys and list items up to here`);
    if (references > maxReferences)
      refuse(`the text has more than ${maxReferences} anchors and aliases up to here`);
    if (depth > maxDepth || dashes > maxDepth || indentation > maxIndentation)
      refuse(`values are nested deeper than ${maxDepth} levels`);
  }
  return parts;
}

/** Refuses a text that is too large for the yaml package, and is not plain YAML. @param line the first that is not */
export function refuseAnyYaml(line: number): never {
  return refuseText(
    line,
    `there is an error here, or an anchor, alias, merge key, tag, block scalar, scalar of several lines or special number, which texts with more than ${maxPartsOfAnyYaml} lines, keys and list items cannot have`,
  );
}

/** Refuses a mapping that has more keys than it may. */
export function refuseKeys(line: number): never {
  return refuseText(line, `a mapping has more than ${maxKeys} keys`);
}

function refuseText(line: number, message: string): never {
  throw new ProblemError('bad_rules', `parse access rules: line ${line}: ${message}`, {
    hint: 'Nothing was changed. Split the text, or use CIDRs, port ranges and selectors that match more.',
    errors: [{ path: '', message, line }],
  });
}
