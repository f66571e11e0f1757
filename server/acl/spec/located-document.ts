import type { z } from 'zod';

export type Path = readonly PropertyKey[];

/** A value that was read from a text. */
export interface Source {
  value: unknown;
  /** Line, from 1, of what the path leads to. */
  lineOf(path: Path): number;
}

/** What is wrong, and where. */
export interface Complaint {
  path: string;
  message: string;
  line: number;
}

type Issue = z.core.$ZodIssue;

/** Each issue in the words of the alternative that was meant. @param root path of the parsed value in the source */
export function complaintsOf(error: z.ZodError, source: Source, root: Path = []): Complaint[] {
  return error.issues
    .flatMap((issue) => flatten(issue))
    .map(({ path, message }) => {
      const whole = [...root, ...path];
      return { path: pathText(whole), message, line: source.lineOf(whole) };
    });
}

function flatten(issue: Issue, above: Path = []): { path: Path; message: string }[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], message: 'no such field' }));
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ path, message: issue.message }];
  return [...issue.errors]
    .sort((a, b) => strangeness(a) - strangeness(b))[0]!
    .flatMap((each) => flatten(each, path));
}

/** An alternative that lacks fields or has too many is not the one that was meant; a wrong value in it may be. */
function strangeness(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.path.length > 1) return sum + 1;
    return sum + (issue.code === 'unrecognized_keys' || issue.code === 'invalid_type' ? 10 : 1);
  }, 0);
}

/** `rules[3].peers[0].cidr` */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}
