import { ProblemError } from '../contract/problem.ts';

/** Parses labels, `name=value,name=value`. @throws ProblemError `bad_request` */
export function parseSelector(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  return Object.fromEntries(
    text.split(',').map((label) => {
      const equals = label.indexOf('=');
      if (equals < 1) throw new ProblemError('bad_request', `--selector ${text}: ${label} is not name=value`);
      return [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );
}
