import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Makes a resource answer 405 with `Allow` to methods it does not take. Call before its routes are added.
 * @returns call it after
 */
export function rejectOtherMethods(app: FastifyInstance): () => void {
  const taken = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = taken.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    taken.set(url, known);
  });
  return () => {
    for (const [url, known] of [...taken]) {
      const allow = [...known].join(', ');
      app.route({
        url,
        method: methods.filter((name) => !known.has(name)),
        schema: { hide: true },
        handler: (request, reply) => {
          reply.header('allow', allow);
          throw new ProblemError('method_not_allowed', `${request.method} ${request.url}: it takes ${allow}`);
        },
      });
    }
  };
}
