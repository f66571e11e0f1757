import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { CniError } from '../../../contract/cni-error.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { openCniListener } from '../../../server/cni/cni-listener.ts';
import { encodeCniCall } from '../../../server/datapath/containers/cni-call.ts';
import { temporaryFolder } from '../store/temporary-store.ts';

async function open(run: () => Promise<object | null>): Promise<string> {
  const file = join(temporaryFolder(), 'cni.sock');
  const listener = await openCniListener({ run }, file, pino({ level: 'silent' }));
  onTestFinished(() => listener.close());
  return file;
}

async function send(file: string, request: string | Buffer, pieces = 1): Promise<string> {
  const connection = connect(file);
  const bytes = Buffer.from(request);
  const step = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += step) {
    connection.write(bytes.subarray(at, at + step));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return text(connection);
}

const call = encodeCniCall({ environment: { CNI_COMMAND: 'ADD' }, config: '{"cniVersion":"0.4.0"}' });
const post = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`), body]);

test('the socket is for root alone, and a call may come in pieces', async () => {
  const file = await open(async () => ({ cniVersion: '0.4.0', ips: [] }));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  for (const pieces of [1, 7])
    expect(await send(file, post(call), pieces)).toMatch(
      /^HTTP\/1\.1 200\r\n[\s\S]*Content-Length: 30\r\n[\s\S]*\r\n\r\n\{"cniVersion":"0\.4\.0","ips":\[\]\}$/,
    );
});

test('commands without a result have an empty answer', async () => {
  const file = await open(async () => null);
  expect(await send(file, post(call))).toMatch(/^HTTP\/1\.1 200\r\n[\s\S]*Content-Length: 0\r\n[\s\S]*\r\n\r\n$/);
});

test.each([
  [new CniError(7, 'bad', 'because'), { code: 7, msg: 'bad', details: 'because' }],
  [new ProblemError('no_address', 'full', { hint: 'more' }), { code: 104, msg: 'full', details: 'more' }],
  [new ProblemError('pod_busy', 'busy'), { code: 11, msg: 'busy' }],
  [new ProblemError('internal', 'oops'), { code: 199, msg: 'oops' }],
  [new DOMException('stopped', 'AbortError'), { code: 11, msg: 'the agent is stopping' }],
])('%s is answered as an error of CNI in the version of the configuration', async (error, answer) => {
  const file = await open(() => Promise.reject(error));
  const [head = '', body = ''] = (await send(file, post(call))).split('\r\n\r\n');
  expect(head).toContain('HTTP/1.1 500');
  expect(JSON.parse(body)).toEqual({ cniVersion: '0.4.0', ...answer });
});

test.each([
  ['GET /cni HTTP/1.1\r\n\r\n'],
  ['POST /pods HTTP/1.1\r\nContent-Length: 0\r\n\r\n'],
  ['POST /cni HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['POST /cni HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n'],
  ['x'.repeat(8192)],
])('%j is no call', async (request) => {
  const file = await open(async () => null);
  expect(await send(file, request)).toMatch(/^HTTP\/1\.1 400\r\n[\s\S]*"code":6/);
});
