import { Agent, request } from 'node:http';
import type { ProblemCode } from '../../../contract/problem.ts';
import type { TestNode } from '../../testbed/node.ts';

/** An answer of the agent's API; `code` and `detail` are those of a refusal. */
export interface Answer {
  status: number;
  code: ProblemCode | null;
  detail: string;
  json: unknown;
}

/** Asks over as many connections as there are calls. @returns null when the agent is down */
export function ask(node: TestNode, method: string, path: string, body?: unknown): Promise<Answer | null> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath: node.socket,
        method,
        path: `/api/v1${path}`,
        agent: connections,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
      },
      async (response) => {
        try {
          let text = '';
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
          const json = text === '' ? null : JSON.parse(text);
          const status = response.statusCode ?? 0;
          resolve({
            status,
            json,
            code: status < 400 ? null : json.code,
            detail: status < 400 ? '' : json.detail,
          });
        } catch (error) {
          downOr(reject, resolve)(error as NodeJS.ErrnoException);
        }
      },
    );
    call.on('error', downOr(reject, resolve));
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const connections = new Agent({ keepAlive: false });
const downOr =
  (reject: (error: Error) => void, resolve: (down: null) => void) =>
  (error: NodeJS.ErrnoException): void => {
    if (['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(error.code ?? '')) resolve(null);
    else reject(error);
  };
