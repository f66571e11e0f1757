import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../../contract/problem.ts';

/**
 * Returns a check that a request carries `Authorization: Bearer <token>`. The check throws ProblemError `unauthorized`
 * and compares digests in constant time.
 */
export function requireBearerToken(token: string): (request: IncomingMessage) => void {
  const expected = digest(`Bearer ${token}`);
  return ({ headers }) => {
    if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) return;
    throw new ProblemError('unauthorized', 'the agent requires its token over TCP', {
      hint: 'send the header Authorization: Bearer TOKEN with the content of the agent’s --token-file',
    });
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();
