import type { Problem } from '../../contract/problem.ts';

/** A call that the gateway or the agent refused, or that never arrived. */
export class ApiError extends Error {
  /** Stable code of `contract/problem.ts`; `network` when nothing answered, `invalid` when no problem details came. */
  readonly code: Problem['code'] | 'network' | 'invalid';
  readonly status: number;
  readonly title: string;
  readonly hint: string | undefined;
  constructor(code: ApiError['code'], status: number, title: string, detail: string, hint?: string) {
    super(detail);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.title = title;
    this.hint = hint;
  }
}

const root = '/api/v1';

/**
 * Calls the API of the node and gives the answer's body.
 * @param path under `/api/v1`, e.g. `/pods`
 * @param init a call with a body is a POST unless it says otherwise
 * @throws ApiError
 */
export async function call<T>(
  path: string,
  init: { method?: 'POST' | 'PUT' | 'DELETE'; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const { body, signal } = init;
  const answer = await fetch(root + path, {
    method: init.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? null : JSON.stringify(body),
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
  return (await answer.json()) as T;
}

/** All items of a paged list, page after page. */
export async function callAll<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let before: string | null = null;
  do {
    const query: string = before === null ? '' : `&before=${encodeURIComponent(before)}`;
    const page: { items: T[]; next: string | null } = await call(`${path}?limit=500${query}`, { signal });
    items.push(...page.items);
    before = page.next;
  } while (before !== null);
  return items;
}

async function refusal(answer: Response): Promise<ApiError> {
  const body: unknown = await answer.json().catch(() => null);
  if (isProblem(body)) return new ApiError(body.code, body.status, body.title, body.detail, body.hint);
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
