import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../../contract/problem.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Answers 405 with `Allow` to methods that a resource does not support. Call it before the routes are registered.
 * @returns a function to call after the last route is registered
 */
export function registerMethodNotAllowed(app: FastifyInstance): () => void {
  const supported = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = supported.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    supported.set(url, known);
  });
  return () => {
    for (const [url, known] of [...supported]) {
      const allow = [...known].join(', ');
      app.route({
        url,
        method: methods.filter((name) => !known.has(name)),
        schema: { hide: true },
        handler: (request, reply) => {
          reply.header('allow', allow);
          throw new ProblemError(
            'method_not_allowed',
            `${request.method} ${request.url}: the resource supports ${allow}`,
          );
        },
      });
    }
  };
}
