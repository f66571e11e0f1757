import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type Problem, ProblemError } from '../../contract/problem.ts';

export const problemMediaType = 'application/problem+json';

/** Sends errors as RFC 9457 problem details. Errors that are not a ProblemError are logged and sent as `internal`. */
export function registerErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new ProblemError('not_found', `no resource at ${request.url.slice(0, 200)}`, {
        hint: 'GET /api/v1/openapi.json lists the resources',
      }),
      request,
      reply,
    ),
  );
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request);
  if (problem.code === 'stopping')
    request.log.info({ code: problem.code }, `${request.method} ${request.url}`);
  else if (problem.status >= 500)
    request.log.error({ err: error, code: problem.code }, `${request.method} ${request.url}`);
  // Sent as text: every problem passes here, so no serializer has to validate it again.
  return reply.code(problem.status).type(problemMediaType).send(JSON.stringify(problem));
}

function toProblem(error: unknown, { method, url }: FastifyRequest): Problem {
  if (error instanceof ProblemError) return error.toProblem();
  if (hasZodFastifySchemaValidationErrors(error)) return validationProblem(error).toProblem();
  const { statusCode, code, message } = error as Partial<FastifyError>;
  if (statusCode === 413) return new ProblemError('too_large', `${method} ${url}: ${message}`).toProblem();
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new ProblemError('bad_request', `${method} ${url.slice(0, 200)}: ${message}`).toProblem();
  return new ProblemError('internal', `${method} ${url} failed${code === undefined ? '' : ` (${code})`}`, {
    hint: 'see the agent’s log for the cause',
  }).toProblem();
}

function validationProblem(error: {
  validation: { instancePath: string; message?: string | undefined }[];
  validationContext?: string | undefined;
}): ProblemError {
  const where = error.validationContext ?? 'request';
  const errors = error.validation.map(({ instancePath, message }) => ({
    path: `${where}${instancePath.replaceAll('/', '.')}`,
    message: message ?? 'invalid',
  }));
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new ProblemError('bad_request', detail, { errors });
}
