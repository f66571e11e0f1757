import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import { renderNoticePage } from './notice-page.ts';
import { createCspNonce, nonPageContentPolicy, securityHeaders } from './security-headers.ts';

/** Converts any error to a ProblemError; unexpected errors become `internal`. */
export function toProblemError(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode === 413) return new ProblemError('too_large', 'The request body is too large');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new ProblemError('bad_request', message ?? 'Invalid request');
  return new ProblemError('internal', 'The gateway failed', {
    cause: error,
    hint: 'See the gateway’s log.',
  });
}

/**
 * Sends an error as an HTML page if the browser is navigating, and as problem details (RFC 9457) otherwise.
 * @param takesTokens true if tokens of Kubernetes sign in
 */
export function sendErrorResponse(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  takesTokens = false,
): FastifyReply {
  const problem = toProblemError(error).toProblem();
  reply.code(problem.status).header('Cache-Control', 'no-store');
  const wantsPage = !request.url.startsWith('/api/') && request.headers.accept?.includes('text/html');
  if (!wantsPage) return reply.type('application/problem+json').send(JSON.stringify(problem));
  // Where a token would help, the page has a form for one.
  const tokenForm = takesTokens && ['unauthorized', 'forbidden'].includes(problem.code);
  return sendNoticePage(reply, {
    title: problem.title,
    detail: problem.detail,
    hint: problem.hint,
    tokenForm,
  });
}

/** Sends an HTML page with a short notice. */
export function sendNoticePage(
  reply: FastifyReply,
  notice: Parameters<typeof renderNoticePage>[0],
): FastifyReply {
  const nonce = createCspNonce();
  return reply
    .header(
      'Content-Security-Policy',
      `${nonPageContentPolicy}; style-src 'nonce-${nonce}'; img-src data:; form-action 'self'`,
    )
    .type('text/html; charset=utf-8')
    .send(renderNoticePage(notice, nonce));
}

/** Rejects a WebSocket upgrade with a problem details response. */
export function rejectWebSocketUpgrade(socket: Duplex, error: unknown): void {
  endWithProblem(socket, toProblemError(error));
}

/** Answers what is not an HTTP request, or one whose headers are too large, and closes the connection. */
export function rejectMalformedRequest(socket: Duplex, code: string): void {
  const problem =
    code === 'HPE_HEADER_OVERFLOW'
      ? new ProblemError('too_large', 'The headers of the request are too large')
      : new ProblemError('bad_request', `The request is malformed (${code})`);
  endWithProblem(socket, problem);
}

function endWithProblem(socket: Duplex, error: ProblemError): void {
  const problem = error.toProblem();
  const body = JSON.stringify(problem);
  const headers = Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${headers.join('')}` +
      'Connection: close\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
