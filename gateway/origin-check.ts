import type { IncomingHttpHeaders } from 'node:http';

/** The Host values that are this gateway. */
export function gatewayHosts(port: number, more: readonly string[]): ReadonlySet<string> {
  return new Set([...['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`), ...more]);
}

/** Against DNS rebinding: a page of evil.example that resolves to 127.0.0.1 sends `Host: evil.example`. */
export function isGatewayHost(host: string | undefined, own: ReadonlySet<string>): boolean {
  return host !== undefined && own.has(host.toLowerCase());
}

/**
 * Whether a request comes from our own pages, or from no page at all.
 * Browsers send Origin with every WebSocket and unsafe method, and Sec-Fetch-Site with everything: a page on
 * another port of 127.0.0.1 is "same-site" and would bring the cookie, so only "same-origin" and "none" pass.
 * A link clicked on a foreign page is let through: it only opens the dashboard, in a window of its own.
 */
export function isGatewayOrigin(
  method: string | undefined,
  headers: IncomingHttpHeaders,
  own: ReadonlySet<string>,
): boolean {
  const site = headers['sec-fetch-site'];
  const opened =
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !opened) return false;
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && own.has(new URL(headers.origin).host);
}
