import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { node } from './records.ts';

/** Creates a folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'podlane-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function openTemporaryStore(file = path.join(temporaryFolder(), 'podlane.db')) {
  const store = await SqliteStore.open({ file, node });
  onTestFinished(() => store.close());
  return { store, file };
}
