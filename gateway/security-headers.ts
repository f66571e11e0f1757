import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Creates a Content-Security-Policy nonce for one response. */
export const createCspNonce = () => randomBytes(16).toString('base64');

/**
 * Returns the Content-Security-Policy of the dashboard's pages. Next adds the nonce to its inline scripts when it finds
 * the policy in the headers of the request. Inline styles are allowed: charts and dialogs position elements by style
 * attributes.
 */
export function formatPageContentPolicy(nonce: string, dev: boolean): string {
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

/** Content-Security-Policy of every response that is not an HTML page. */
export const nonPageContentPolicy = "default-src 'none'; frame-ancestors 'none'";

/** Headers of every response that is not an HTML page, which has a policy of its own. */
export const securityHeaders = {
  'Content-Security-Policy': nonPageContentPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** Sets the security headers of a response, including responses that Next.js writes. */
export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
}
