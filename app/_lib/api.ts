import type { Problem } from '../../contract/problem.ts';

/** Error of an API request that was refused or got no response. */
export class ApiError extends Error {
  /**
   * Error code of `contract/problem.ts`, `network` for no response, or `invalid` for a response without problem
   * details.
   */
  readonly code: Problem['code'] | 'network' | 'invalid';
  readonly status: number;
  readonly title: string;
  readonly hint: string | undefined;
  /** Errors of single parts of the request: of its fields, or of lines of its text. */
  readonly errors: NonNullable<Problem['errors']>;
  /** The BPF verifier's message about a program that it refused. */
  readonly verifier: Problem['verifier'];
  constructor(
    code: ApiError['code'],
    status: number,
    title: string,
    detail: string,
    hint?: string,
    more: Pick<Problem, 'errors' | 'verifier'> = {},
  ) {
    super(detail);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.title = title;
    this.hint = hint;
    this.errors = more.errors ?? [];
    this.verifier = more.verifier;
  }
}

interface ApiRequest {
  /** HTTP method; the default is POST for a request with a body, else GET. */
  method?: 'POST' | 'PUT' | 'DELETE';
  /** Request body that is sent as JSON. */
  body?: unknown;
  /** Request body that is sent as text instead of JSON. */
  text?: { type: string; content: string };
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

const root = '/api/v1';

/**
 * Sends a request to the node's API and returns the JSON body of the response, or null if the body is empty.
 * @param path path under `/api/v1`, e.g. `/pods`
 * @throws ApiError if the request is refused or gets no response
 */
export async function requestApi<T>(path: string, init: ApiRequest = {}): Promise<T> {
  const response = await fetchApiResponse(path, init);
  return (response.status === 204 ? null : await response.json()) as T;
}

/**
 * Sends a request to the node's API and returns the response itself, for headers and for bodies other than JSON.
 * @throws ApiError if the request is refused or gets no response
 */
export async function fetchApiResponse(path: string, init: ApiRequest = {}): Promise<Response> {
  const { body, text, headers, signal } = init;
  const content = text?.content ?? (body === undefined ? null : JSON.stringify(body));
  const response = await fetch(root + path, {
    method: init.method ?? (content === null ? 'GET' : 'POST'),
    headers: {
      accept: 'application/json',
      ...(content === null ? {} : { 'content-type': text?.type ?? 'application/json' }),
      ...headers,
    },
    body: content,
    signal: signal ?? null,
    cache: 'no-store',
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new ApiError(
      'network',
      0,
      'Gateway unreachable',
      'The gateway does not respond.',
      'Check that it is running. Pod traffic is not affected.',
    );
  });
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Requests all pages of an API list and returns their items. */
export async function requestAllApiPages<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let before: string | null = null;
  do {
    const query: string = before === null ? '' : `&before=${encodeURIComponent(before)}`;
    const page: { items: T[]; next: string | null } = await requestApi(`${path}?limit=500${query}`, {
      signal,
    });
    items.push(...page.items);
    before = page.next;
  } while (before !== null);
  return items;
}

async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  if (isProblem(body)) return new ApiError(body.code, body.status, body.title, body.detail, body.hint, body);
  const title = response.statusText === '' ? `HTTP ${response.status}` : response.statusText;
  return new ApiError(
    'invalid',
    response.status,
    title,
    `${new URL(response.url).pathname} returned ${response.status} without problem details.`,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && 'title' in body;
}
