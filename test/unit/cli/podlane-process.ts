import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

const main = join(import.meta.dirname, '../../../cli/podlane.js');

interface EndedProcess {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command in a process of its own. */
export const podlane = (...words: string[]): Promise<EndedProcess> =>
  new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

/** A fake agent that returns the given responses and records the requests. */
export async function fakeAgent(responses: Record<string, { status?: number; body: unknown }>) {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-cli-'));
  const socket = join(folder, 'agent.sock');
  const requests: { line: string; type: string | undefined; body: string }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const line = `${request.method} ${request.url?.replace('/api/v1', '')}`;
    requests.push({ line, type: request.headers['content-type'], body: await text(request) });
    const { status = 200, body } = responses[line] ?? { status: 404, body: 'nothing' };
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { socket, folder, requests };
}
