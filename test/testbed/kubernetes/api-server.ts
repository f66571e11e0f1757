import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';

/** An object of the API, as far as the server looks at it. */
export interface ServedObject {
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    generation?: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: unknown;
  [field: string]: unknown;
}

interface Watcher {
  path: string;
  nodeName: string | null;
  response: ServerResponse;
}

interface Recorded {
  version: number;
  path: string;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: ServedObject;
}

/** Paths of the lists that are served. */
export const servedPaths = {
  pods: '/api/v1/pods',
  namespaces: '/api/v1/namespaces',
  services: '/api/v1/services',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  oldSlices: '/apis/discovery.k8s.io/v1beta1/endpointslices',
  policies: '/apis/networking.k8s.io/v1/networkpolicies',
} as const;

/** Answer to a request that the server does not serve by itself. */
export type Reply = { status: number; body?: unknown; headers?: Record<string, string> } | 'hang' | null;

/**
 * An HTTP server that speaks the API server's list and watch protocol (kubernetes.io/docs/reference/using-api/api-concepts):
 * pages, resource versions, bookmarks, versions that have expired. Objects are those that the test puts.
 */
export class TestApiServer {
  readonly requests: string[] = [];
  readonly created: { path: string; body: ServedObject & Record<string, unknown> }[] = [];
  /** Answers a request before the server does; null leaves it to the server. */
  intercept: (method: string, url: URL, body: unknown) => Reply = () => null;
  /** Lists that are not served: 404. */
  readonly missing = new Set<string>();
  readonly #lists = new Map<string, Map<string, ServedObject>>();
  readonly #watchers = new Set<Watcher>();
  readonly #history: Recorded[] = [];
  /** Versions before it have expired. */
  #oldest = 0;
  #version = 100;
  #server: Server = createServer((request, response) => void this.#answer(request, response));
  #port: number;

  /** Creates a server. @param port to listen on; 0 picks a free one, which is kept */
  constructor(port = 0) {
    this.#port = port;
  }

  /** Listens on 127.0.0.1, or on all addresses of another network namespace. @param netns path of it */
  async listen(netns?: string): Promise<void> {
    const server = this.#server;
    const listening = once(server, 'listening');
    if (netns === undefined) server.listen(this.#port, '127.0.0.1');
    else {
      using namespace = openNetworkNamespace(netns);
      // Without an address, Node.js binds before it returns.
      runInNetworkNamespace(namespace.fd, () => server.listen(this.#port));
    }
    await listening;
    this.#port = (server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get watches(): number {
    return this.#watchers.size;
  }

  /** Ends all connections and stops listening; objects stay. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#watchers.clear();
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Kubeconfig of a user of this server. */
  get kubeconfig(): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'agent-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
  }

  /** Adds an object or replaces it. The generation rises with the specification. */
  put(path: string, object: ServedObject): ServedObject {
    const list = this.#list(path);
    const key = keyOf(object);
    const before = list.get(key);
    this.#version += 1;
    const changed = JSON.stringify(before?.spec) !== JSON.stringify(object.spec);
    const stored: ServedObject = {
      ...object,
      metadata: {
        uid: before?.metadata.uid ?? `uid-${key}-${this.#version}`,
        ...object.metadata,
        generation: (before?.metadata.generation ?? 0) + (changed ? 1 : 0),
        resourceVersion: String(this.#version),
      },
    };
    list.set(key, stored);
    this.#record(path, before === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  remove(path: string, key: string): void {
    const object = this.#list(path).get(key);
    if (object === undefined) return;
    this.#list(path).delete(key);
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    this.#record(path, 'DELETED', object);
  }

  get(path: string, key: string): ServedObject | undefined {
    return this.#list(path).get(key);
  }

  /** Runs changes that no watch reports. */
  muted(change: () => void): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    change();
    for (const watcher of watchers) this.#watchers.add(watcher);
  }

  /** Forgets the history, as etcd's compaction does: a watch from an older version is answered with 410. */
  expireHistory(): void {
    this.#version += 1;
    this.#oldest = this.#version;
    this.#history.length = 0;
  }

  /** Ends all watches, as the server does after their time. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Breaks all watches without an end. */
  breakWatches(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  /** Sends a line to all watches of a list. */
  send(path: string, event: unknown): void {
    for (const watcher of this.#watchers)
      if (watcher.path === path) watcher.response.write(`${JSON.stringify(event)}\n`);
  }

  bookmark(path: string): void {
    this.#version += 1;
    this.send(path, {
      type: 'BOOKMARK',
      object: { metadata: { resourceVersion: String(this.#version) } },
    });
  }

  #list(path: string): Map<string, ServedObject> {
    const known = this.#lists.get(path) ?? new Map<string, ServedObject>();
    this.#lists.set(path, known);
    return known;
  }

  #record(path: string, type: Recorded['type'], object: ServedObject): void {
    const event = { version: this.#version, path, type, object: structuredClone(object) };
    this.#history.push(event);
    for (const watcher of this.#watchers) this.#deliver(watcher, event);
  }

  #deliver({ path, nodeName, response }: Watcher, { path: of, type, object }: Recorded): void {
    if (path === of && isOnNode(object, nodeName)) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
    const url = new URL(request.url ?? '/', this.url);
    const { method = 'GET' } = request;
    this.requests.push(`${method} ${url.pathname}${url.search}`);
    let text = '';
    for await (const chunk of request) text += chunk;
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const reply = this.intercept(method, url, body);
    if (reply === 'hang') return;
    if (reply !== null) {
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
      response.end(JSON.stringify(reply.body ?? status(reply.status, 'as the test has it')));
      return;
    }
    if (request.headers.authorization !== 'Bearer agent-token')
      return send(response, status(401, 'Unauthorized'));
    if (method === 'POST') {
      this.created.push({ path: url.pathname, body: body as ServedObject });
      return send(response, body as object, 201);
    }
    if (method === 'PATCH') return this.#patch(url, body as ServedObject, response);
    if (url.searchParams.get('watch') === 'true') return this.#watch(url, response);
    const one = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)$/.exec(url.pathname);
    if (one !== null) {
      const pod = this.#list(servedPaths.pods).get(`${one[1]}/${one[2]}`);
      return send(response, pod ?? status(404, 'pods not found'));
    }
    if (this.missing.has(url.pathname)) return send(response, status(404, 'the server has no such resource'));
    this.#sendList(url, response);
  }

  #sendList(url: URL, response: ServerResponse): undefined {
    const nodeName = selectedNode(url);
    const all = [...this.#list(url.pathname).values()].filter((object) => isOnNode(object, nodeName));
    const [version, from] = (url.searchParams.get('continue') ?? `${this.#version} 0`).split(' ').map(Number);
    if ((version ?? 0) < this.#oldest) return send(response, status(410, 'the continue token is too old'));
    const limit = Number(url.searchParams.get('limit') ?? all.length);
    const end = (from ?? 0) + limit;
    send(response, {
      metadata: {
        resourceVersion: String(version),
        ...(end < all.length ? { continue: `${version} ${end}` } : {}),
      },
      items: all.slice(from, end),
    });
  }

  #watch(url: URL, response: ServerResponse): undefined {
    const since = Number(url.searchParams.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (since < this.#oldest) {
      // In the stream, as the watch cache answers it.
      response.end(`${JSON.stringify({ type: 'ERROR', object: status(410, 'too old resource version') })}\n`);
      return;
    }
    const watcher = { path: url.pathname, nodeName: selectedNode(url), response };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    for (const event of this.#history) if (event.version > since) this.#deliver(watcher, event);
  }

  /** A merge patch of metadata, with a resource version that has to be the current one. */
  #patch(url: URL, { metadata }: ServedObject, response: ServerResponse): undefined {
    const [, group, namespace, resource, name] =
      /^(.*)\/namespaces\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname) ?? [];
    const path = `${group}/${resource}`;
    const object = this.#list(path).get(`${namespace}/${name}`);
    if (object === undefined) return send(response, status(404, 'not found'));
    if (metadata.resourceVersion !== object.metadata.resourceVersion)
      return send(response, status(409, 'the object has been modified'));
    const annotations = { ...object.metadata.annotations, ...metadata.annotations };
    send(response, this.put(path, { ...object, metadata: { ...object.metadata, annotations } }));
  }
}

const keyOf = ({ metadata: { namespace, name } }: ServedObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

const selectedNode = (url: URL): string | null =>
  /^spec\.nodeName=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1] ?? null;

const isOnNode = ({ spec }: ServedObject, node: string | null): boolean =>
  node === null || (spec as { nodeName?: string } | undefined)?.nodeName === node;

export const status = (code: number, message: string) => ({
  kind: 'Status',
  status: 'Failure',
  code,
  message,
});

function send(response: ServerResponse, body: object, code = 200): undefined {
  const failed =
    (body as { kind?: unknown; code?: unknown }).kind === 'Status' ? (body as { code: number }).code : code;
  response.writeHead(failed, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Returns a pod as the API server has it. */
export const servedPod = (
  name: string,
  {
    namespace = 'shop',
    node = 'n1',
    labels = {},
    ip,
    ports = [],
    ...rest
  }: {
    namespace?: string;
    node?: string;
    labels?: Record<string, string>;
    ip?: string | undefined;
    ports?: { name: string; containerPort: number; protocol?: string }[];
    phase?: string;
    hostNetwork?: boolean;
    annotations?: Record<string, string>;
  } = {},
): ServedObject => ({
  metadata: { name, namespace, labels, ...(rest.annotations && { annotations: rest.annotations }) },
  spec: { nodeName: node, hostNetwork: rest.hostNetwork ?? false, containers: [{ name: 'c', ports }] },
  status: { phase: rest.phase ?? 'Running', ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }) },
});

/** Returns a NetworkPolicy of the namespace shop. */
export const servedPolicy = (name: string, spec: object): ServedObject => ({
  metadata: { name, namespace: 'shop' },
  spec,
});
