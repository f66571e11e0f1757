import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { DatapathStore } from '../../../server/datapath/store.ts';
import { Inventory } from '../../../server/store/sqlite-store.ts';
import { node } from './records.ts';

/** A folder of this test's own, gone when the test has finished. */
export function scratchFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'podlane-inventory-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function openScratch(file = path.join(scratchFolder(), 'podlane.db')) {
  const inventory = await Inventory.open({ file, node });
  onTestFinished(() => inventory.close());
  inventory satisfies DatapathStore;
  return { inventory, file };
}
