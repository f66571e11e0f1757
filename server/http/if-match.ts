import { ProblemError } from '../../contract/problem.ts';
import type { RulePrecondition } from '../acl/rule-change-metadata.ts';

/**
 * Returns the precondition of an If-Match header (RFC 9110 13.1.1): the resource still has one of the ETags that the
 * client names. Without the header there is none.
 */
export function parseIfMatch(header: string | undefined): RulePrecondition | undefined {
  if (header === undefined) return undefined;
  const etags = header.split(',').map((etag) =>
    etag
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1'),
  );
  return (operation, current) => {
    if (current !== null && (etags.includes('*') || etags.includes(current))) return;
    throw new ProblemError(
      'rules_changed',
      `${operation}: the change was made from ${etags.join(', ')}, but ${current === null ? 'there are no rules any more' : `the current ETag is ${current}`}`,
      { hint: 'Nothing was changed. Fetch the current rules, merge your change and send it again.' },
    );
  };
}
