import type { IncomingHttpHeaders } from 'node:http';

/** Lists the values of the Host header that address this gateway. */
export function listGatewayHosts(port: number, more: readonly string[]): ReadonlySet<string> {
  return new Set([...['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`), ...more]);
}

/**
 * Checks the Host header against DNS rebinding: a page of evil.example that resolves to 127.0.0.1 sends `Host:
 * evil.example`.
 */
export function isGatewayHost(host: string | undefined, own: ReadonlySet<string>): boolean {
  return host !== undefined && own.has(host.toLowerCase());
}

/**
 * Returns true if a request comes from the gateway's own pages, or from no page. Browsers send Origin with WebSockets
 * and unsafe methods, and Sec-Fetch-Site with every request. A page on another port of 127.0.0.1 is "same-site" and its
 * requests carry the cookie, so only "same-origin" and "none" pass. A navigation from another site passes too: it only
 * opens the dashboard in a window.
 */
export function isGatewayOrigin(
  method: string | undefined,
  headers: IncomingHttpHeaders,
  own: ReadonlySet<string>,
): boolean {
  const site = headers['sec-fetch-site'];
  const navigation =
    method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !navigation) return false;
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && own.has(new URL(headers.origin).host);
}
