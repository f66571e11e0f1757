import { ProblemError } from '../../contract/problem.ts';

/**
 * What a write says of the state that it was made from: If-Match, RFC 9110 13.1.1; undefined: nothing.
 * @param etag of the state now; null: there is none
 * @throws ProblemError `rules_changed`
 */
export function checkIfMatch(what: string, ifMatch: string | undefined, etag: string | null): void {
  if (ifMatch === undefined) return;
  const named = ifMatch.split(',').map((each) =>
    each
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1'),
  );
  if (etag !== null && (named.includes('*') || named.includes(etag))) return;
  throw new ProblemError(
    'rules_changed',
    `${what}: it was made from ${named.join(', ')}, and ${etag === null ? 'there is none any more' : `there is ${etag} now`}`,
    { hint: 'Nothing was changed. Read what is there now, put your change into it, and send that.' },
  );
}
