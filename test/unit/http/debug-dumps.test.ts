import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { DebugDump } from '../../../contract/debug-dump.ts';
import { DebugDumps } from '../../../server/debug/debug-dumps.ts';
import { LogLineRing } from '../../../server/debug/log-ring.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { requireBearerToken } from '../../../server/http/bearer-token.ts';
import { unpackDump } from '../../testbed/dump.ts';
import { fakeAgent } from './fake-agent.ts';

const token = 'a-token-of-16-characters';

/** Builds the API of a fake agent with real dumps. */
async function dumpApp({ admit = false } = {}) {
  const { agent } = await fakeAgent();
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-dumps-'));
  const lines = new LogLineRing();
  lines.write(`{"msg":"called with Bearer ${token}"}\n`);
  const dumps = new DebugDumps({
    folder,
    pins: '/sys/fs/bpf/none',
    podlane: '0',
    capabilities: () => [],
    configuration: { a: 1, apiToken: 'x' },
    secrets: [token],
    lines,
    log: agent.log,
  });
  const states: (DebugDump['state'] | 'removed')[] = [];
  dumps.on('dump', ({ state }) => states.push(state)).on('dump-removed', () => states.push('removed'));
  const app = await buildApiApp(
    { ...agent, dumps },
    { version: '0', ...(admit && { admit: requireBearerToken(token) }) },
  );
  onTestFinished(async () => {
    await app.close();
    await dumps.close();
    rmSync(folder, { recursive: true });
  });
  return { app, states };
}

/** Programs are started for a dump, if only to say their versions. */
const soon = { timeout: 20_000, interval: 20 };
vi.setConfig({ testTimeout: 30_000 });

const url = '/api/v1/dumps';
const body = { parts: ['agent', 'log'] };

test('a dump is started, reported while it runs and downloaded, and contains the API’s responses', async () => {
  const { app, states } = await dumpApp();
  const begun = await app.inject({ method: 'POST', url, body, headers: { 'x-podlane-actor': 'ada' } });
  expect(begun.statusCode).toBe(202);
  const { id } = begun.json<DebugDump>();
  expect(begun.headers.location).toBe(`${url}/${id}`);
  expect(begun.json()).toMatchObject({ actor: 'ada', state: 'running' });
  const dump = await vi.waitFor(async () => {
    const now = (await app.inject(`${url}/${id}`)).json<DebugDump>();
    expect(now.state).toBe('done');
    return now;
  }, soon);
  expect(states.at(0)).toBe('running');
  expect(states.at(-1)).toBe('done');
  expect((await app.inject(url)).json()).toEqual({ items: [dump] });

  const { headers, rawPayload } = await app.inject(`${url}/${id}/archive`);
  expect(headers).toMatchObject({
    'content-type': 'application/gzip',
    'content-disposition': `attachment; filename="${dump.name}.tar.gz"`,
    'content-length': String(dump.archiveBytes),
  });
  expect(createHash('sha256').update(rawPayload).digest('hex')).toBe(dump.sha256);
  const file = join(mkdtempSync(join(tmpdir(), 'podlane-t-dumps-')), 'a.tar.gz');
  writeFileSync(file, rawPayload);
  onTestFinished(() => rmSync(join(file, '..'), { recursive: true }));
  using taken = unpackDump(file);
  expect(taken.json('agent/configuration.json')).toEqual({ a: 1, apiToken: '[redacted]' });
  expect(taken.json('agent/pods.json')).toEqual((await app.inject('/api/v1/pods?limit=500')).json());
  expect(taken.read('agent/log.jsonl').toString()).toBe('{"msg":"called with Bearer [redacted]"}\n');

  expect((await app.inject({ method: 'DELETE', url: `${url}/${id}` })).statusCode).toBe(204);
  expect(states.at(-1)).toBe('removed');
  expect((await app.inject(`${url}/${id}`)).json()).toMatchObject({ code: 'dump_not_found' });
});

test('only an admin makes, downloads and deletes dumps; others list them', async () => {
  const { app } = await dumpApp();
  for (const role of ['viewer', 'operator']) {
    const headers = { 'x-podlane-role': role };
    for (const request of [
      { method: 'POST', url, body },
      { method: 'GET', url: `${url}/x/archive` },
      { method: 'DELETE', url: `${url}/x` },
    ] as const)
      expect((await app.inject({ ...request, headers })).json()).toMatchObject({ code: 'forbidden' });
    expect((await app.inject({ url, headers })).json()).toEqual({ items: [] });
  }
});

test('with a token, the agent calls its own API with the caller’s token', async () => {
  const { app } = await dumpApp({ admit: true });
  const headers = { authorization: `Bearer ${token}` };
  const { id } = (await app.inject({ method: 'POST', url, body, headers })).json<DebugDump>();
  await vi.waitFor(
    async () =>
      expect((await app.inject({ url: `${url}/${id}`, headers })).json()).toMatchObject({ state: 'done' }),
    soon,
  );
  const { parts } = (await app.inject({ url: `${url}/${id}`, headers })).json<DebugDump>();
  const problems = parts.flatMap((part) => part.problems.map(({ problem }) => problem));
  expect(problems.join()).not.toMatch(/unauthorized/);
});

test('the request is validated', async () => {
  const { app } = await dumpApp();
  for (const wrong of [{ parts: [] }, { parts: ['all'] }, { maxBytes: 1 }, { other: 1 }])
    expect((await app.inject({ method: 'POST', url, body: wrong })).json()).toMatchObject({
      code: 'bad_request',
    });
});
