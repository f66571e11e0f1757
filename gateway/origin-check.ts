import type { IncomingHttpHeaders } from 'node:http';

/** The addresses under which browsers reach this gateway: hosts, and origins, which have a scheme. */
export class GatewayAddresses {
  readonly #hosts = new Set<string>();
  readonly #origins = new Set<string>();
  /** Host to open the dashboard at. */
  readonly first: string;

  /**
   * Lists the addresses of a gateway.
   * @param more further ones as `host[:port]` for a gateway that is reached directly, by HTTP, or with the scheme that
   * browsers use: `https://host[:port]` behind a proxy that speaks TLS
   */
  constructor(port: number, more: readonly string[]) {
    const own = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
    this.first = own[0] ?? '';
    for (const text of [...own, ...more]) {
      const url = parseAllowedHost(text);
      this.#origins.add(url.origin);
      this.#hosts.add(text.replace(/^https?:\/\//, ''));
      this.#hosts.add(url.host);
    }
  }

  /**
   * Checks the Host header against DNS rebinding: a page of evil.example that resolves to 127.0.0.1 sends `Host:
   * evil.example`.
   */
  isHost(host: string | undefined): boolean {
    return host !== undefined && this.#hosts.has(host.toLowerCase());
  }

  /**
   * Returns true if a request comes from the gateway's own pages, or from no page. Browsers send Origin with WebSockets
   * and unsafe methods, and Sec-Fetch-Site with every request. A page on another port of 127.0.0.1 is "same-site" and its
   * requests carry the cookie, so only "same-origin" and "none" pass. A navigation from another site passes too: it only
   * opens the dashboard in a window. The scheme counts: who can answer for http://host is not who can for https://host.
   */
  isOrigin(method: string | undefined, headers: IncomingHttpHeaders): boolean {
    const site = headers['sec-fetch-site'];
    const navigation =
      method === 'GET' &&
      headers['sec-fetch-mode'] === 'navigate' &&
      headers['sec-fetch-dest'] === 'document';
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && !navigation) return false;
    if (headers.origin === undefined) return true;
    const origin = URL.parse(headers.origin);
    return origin !== null && origin.origin !== 'null' && this.#origins.has(origin.origin);
  }
}

/** Parses a value of --allow-host. @throws Error if it is no host, or has a path or another scheme */
export function parseAllowedHost(text: string): URL {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (url === null || url.host === '' || url.pathname !== '/' || url.search !== '' || url.username !== '')
    throw new Error(`--allow-host ${text}: expected HOST[:PORT], http://HOST[:PORT] or https://HOST[:PORT]`);
  return url;
}
