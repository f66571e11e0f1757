/**
 * Characters that change what a terminal shows: C0 and C1 control characters, DEL, line separators, and those that
 * reverse or hide the text around them (Unicode bidirectional formatting, zero width).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const escapeOne = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Escapes control characters of a text that stands in one line, as JSON does: pods and users choose names. */
export const escapeControlCharacters = (text: string): string => text.replace(controls, escapeOne);

/** Escapes control characters except tabs and ends of lines, of a text of several lines; valid JSON stays the same value. */
export const escapeControlCharactersInLines = (text: string): string =>
  text.replace(controls, (character) =>
    character === '\n' || character === '\t' ? character : escapeOne(character),
  );
