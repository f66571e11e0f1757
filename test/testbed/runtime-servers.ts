import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { onTestFinished } from 'vitest';

/** A folder for sockets that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

type Answer = unknown | ((request: IncomingMessage, response: ServerResponse) => void);

/** Serves an HTTP API on a Unix socket: JSON by path without its query; a function answers by itself. */
export async function serveHttp(socket: string, answers: Record<string, Answer>): Promise<{ close(): void }> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const answer = answers[path];
    if (typeof answer === 'function') answer(request, response);
    else if (answer === undefined) response.writeHead(404).end('{"message":"page not found"}');
    else response.end(JSON.stringify(answer));
  });
  server.listen(socket);
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(close);
  return { close };
}

type Handler = (request: Record<string, unknown>) => unknown;

/**
 * Serves the Container Runtime Interface on a Unix socket, by gRPC. A handler that throws an object with `code` answers with
 * that status.
 */
export async function serveCri(
  socket: string,
  version: 'v1' | 'v1alpha2',
  handlers: Record<string, Handler>,
): Promise<{ close(): void }> {
  const proto = new URL('../../server/runtime/runtimes/cri.proto', import.meta.url).pathname;
  const loaded = loadSync(proto, { keepCase: true, enums: String })['runtime.v1.RuntimeService'];
  const definition = Object.fromEntries(
    Object.entries(loaded as grpc.ServiceDefinition).map(([name, method]) => [
      name,
      { ...method, path: method.path.replace('runtime.v1.', `runtime.${version}.`) },
    ]),
  );
  const server = new grpc.Server();
  server.addService(
    definition,
    Object.fromEntries(
      Object.keys(definition).map((name) => [
        name,
        (call: { request: Record<string, unknown> }, done: grpc.sendUnaryData<unknown>) => {
          try {
            const answer = handlers[name]?.(call.request);
            // A handler without an answer leaves the caller waiting.
            if (answer !== undefined) done(null, answer);
          } catch (error) {
            done(error as grpc.ServiceError);
          }
        },
      ]),
    ),
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const close = (): void => server.forceShutdown();
  onTestFinished(close);
  return { close };
}
