import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';

export const createNonce = () => randomBytes(16).toString('base64');

/**
 * The policy of the dashboard's pages. Next puts the nonce on its own inline scripts when it finds the policy
 * among the *request's* headers. Styles stay open: charts and dialogs place things by style attributes.
 */
export function pageContentPolicy(nonce: string, dev: boolean): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'${dev ? " 'unsafe-eval'" : ''}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The policy of everything that is not a page. */
export const closedContentPolicy = "default-src 'none'; frame-ancestors 'none'";

/** Set on every answer, also on those that Next writes. */
export function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', closedContentPolicy);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
}
