import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../../contract/problem.ts';

/**
 * A check that a request brings `Authorization: Bearer <token>`.
 * @returns throws ProblemError `unauthorized`; compares in a time that tells nothing of the token
 */
export function requireBearerToken(token: string): (request: IncomingMessage) => void {
  const expected = digest(`Bearer ${token}`);
  return ({ headers }) => {
    if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) return;
    throw new ProblemError('unauthorized', 'the agent asks for its token over TCP', {
      hint: 'bring the header Authorization: Bearer …, with the text of the agent’s --token-file',
    });
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest();
