import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

/** Starts a writer, kills it once it has said `lines` lines, and returns all it acknowledged. */
async function writeUntilKilled(file: string, run: number, lines: number): Promise<string[]> {
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, 'writer.ts'), file, String(run)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void writer.kill('SIGKILL'));
  let said = '';
  writer.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > lines) writer.kill('SIGKILL');
  });
  await once(writer, 'close');
  return said.split('\n').slice(0, -1);
}

test('an agent killed at any moment loses nothing that was acknowledged', {
  timeout: 60_000,
}, async () => {
  const file = path.join(temporaryFolder(), 'podlane.db');
  const acknowledged: string[] = [];
  for (const [run, lines] of [1, 2, 3, 50, 151, 302].entries())
    acknowledged.push(...(await writeUntilKilled(file, run, lines)));
  expect(acknowledged.length).toBeGreaterThanOrEqual(1 + 2 + 3 + 50 + 151 + 302);

  const { store } = await openTemporaryStore(file);
  const pods = new Map((await store.pods()).map((pod) => [pod.name, pod]));
  const migrations = new Set((await store.openMigrations()).map(({ id }) => id));
  const events = new Map<number, string>();
  for (let before: string | undefined; ; ) {
    const { items, next } = await store.listEvents({ limit: 500, before });
    for (const { id, message } of items) events.set(id, message);
    if (next === null) break;
    before = next;
  }
  for (const line of acknowledged) {
    const [what, which, value] = line.split(' ') as [string, string, string];
    if (what === 'pod') expect(pods.has(which), line).toBe(true);
    if (what === 'migration') expect(migrations.has(which), line).toBe(true);
    if (what === 'carried') expect(pods.get(which)?.carried, line).toEqual([BigInt(value), 7n]);
    if (what === 'event') expect(events.get(Number(which)), line).toBe(value);
  }
  // A transaction is all or nothing: no carried sum without its device gone, no pod without its device.
  const live = new Set((await store.devices()).map(({ podId }) => podId));
  for (const pod of pods.values()) expect(live.has(pod.id), pod.name).toBe(pod.carried.length === 0);
});
