import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { step } from './progress.js';

/**
 * Runs `work` while no other process on this machine runs some under the same lock file. A dead holder's lock is taken over.
 * @param {string} file
 * @param {() => Promise<void>} work
 */
export async function withFileLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  if (!take(file)) {
    await step('waiting for another set-up of this clone', async () => {
      while (!take(file)) await delay(200);
    });
  }
  try {
    await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** @param {string} file */
function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  try {
    const holder = readFileSync(file, 'utf8');
    if (holder && !existsSync(`/proc/${holder}`)) rmSync(file, { force: true });
  } catch {
    // released meanwhile
  }
  return false;
}
