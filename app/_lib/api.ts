import type { Problem } from '../../contract/problem.ts';

/** A call that the gateway or the agent refused, or that never arrived. */
export class ApiError extends Error {
  /** Stable code of `contract/problem.ts`; `network` when nothing answered, `invalid` when no problem details came. */
  readonly code: Problem['code'] | 'network' | 'invalid';
  readonly status: number;
  readonly title: string;
  readonly hint: string | undefined;
  /** What is wrong with which part of what was sent; of a text, on which line. */
  readonly errors: NonNullable<Problem['errors']>;
  /** What the verifier said of a program that it refused. */
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

interface Call {
  /** A call with a body is a POST unless it says otherwise. */
  method?: 'POST' | 'PUT' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is instead. */
  text?: { type: string; content: string };
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

const root = '/api/v1';

/**
 * Calls the API of the node and gives the answer's body; null where it has none.
 * @param path under `/api/v1`, e.g. `/pods`
 * @throws ApiError
 */
export async function callApi<T>(path: string, init: Call = {}): Promise<T> {
  const answer = await fetchApi(path, init);
  return (answer.status === 204 ? null : await answer.json()) as T;
}

/**
 * The whole answer, for what is not JSON or says more in its headers.
 * @throws ApiError
 */
export async function fetchApi(path: string, init: Call = {}): Promise<Response> {
  const { body, text, headers, signal } = init;
  const content = text?.content ?? (body === undefined ? null : JSON.stringify(body));
  const answer = await fetch(root + path, {
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
      'Podlane does not answer',
      'The web process could not be reached.',
      'Is it still running? Pods keep running without it.',
    );
  });
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/** All items of a paged list, page after page. */
export async function callApiAllPages<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let before: string | null = null;
  do {
    const query: string = before === null ? '' : `&before=${encodeURIComponent(before)}`;
    const page: { items: T[]; next: string | null } = await callApi(`${path}?limit=500${query}`, { signal });
    items.push(...page.items);
    before = page.next;
  } while (before !== null);
  return items;
}

async function refusal(answer: Response): Promise<ApiError> {
  const body: unknown = await answer.json().catch(() => null);
  if (isProblem(body)) return new ApiError(body.code, body.status, body.title, body.detail, body.hint, body);
  const title = answer.statusText === '' ? `HTTP ${answer.status}` : answer.statusText;
  return new ApiError(
    'invalid',
    answer.status,
    title,
    `${new URL(answer.url).pathname} answered ${answer.status} without saying why.`,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && 'title' in body;
}
