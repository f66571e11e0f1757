import type { z } from 'zod';

export type ValuePath = readonly PropertyKey[];

/** A value parsed from text, with the line numbers of its parts. */
export interface LocatedDocument {
  value: unknown;
  /** Returns the line, from 1, on which the value at `path` begins. */
  lineOf(path: ValuePath): number;
}

/** An error in a parsed text, with the path and line of the value. */
export interface LocatedParseError {
  path: string;
  message: string;
  line: number;
}

/** Maximum number of errors of a text that are listed; it may have a million. */
export const maxListedErrors = 100;

type Issue = z.core.$ZodIssue;

/**
 * Adds lines to the first issues of a failed parse. For a union, the issues are those of the alternative that fits best.
 * @param root path of the parsed value in the document
 */
export function locateZodErrors(
  error: z.ZodError,
  document: LocatedDocument,
  root: ValuePath = [],
): LocatedParseError[] {
  return error.issues
    .slice(0, maxListedErrors)
    .flatMap((issue) => flatten(issue))
    .slice(0, maxListedErrors)
    .map(({ path, message }) => {
      const whole = [...root, ...path];
      return { path: formatPath(whole), message, line: document.lineOf(whole) };
    });
}

function flatten(issue: Issue, above: ValuePath = []): { path: ValuePath; message: string }[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, maxListedErrors)
      .map((key) => ({ path: [...path, key], message: 'unknown field' }));
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ path, message: issue.message }];
  const [best = []] = [...issue.errors].sort((a, b) => countMismatches(a) - countMismatches(b));
  return best.flatMap((each) => flatten(each, path));
}

/**
 * Rates how badly an alternative of a union fits: missing and unknown fields count more than a wrong value, since they
 * tell that another alternative was meant.
 */
function countMismatches(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.path.length > 1) return sum + 1;
    return sum + (issue.code === 'unrecognized_keys' || issue.code === 'invalid_type' ? 10 : 1);
  }, 0);
}

/** Formats the path of a value in a document, e.g. `rules[3].peers[0].cidr`. */
export function formatPath(path: ValuePath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
