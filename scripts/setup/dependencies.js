import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, step } from './progress.js';

/** @typedef {{version?: string, resolved?: string, integrity?: string, optional?: boolean, devOptional?: boolean, link?: boolean}} Entry */
/** @typedef {Record<string, Entry>} Entries packages by their path below the project */

/**
 * Whether node_modules is what the lock file says, by npm's own record of what it put there (written last).
 * Optional packages may be missing: they are other platforms'.
 * @param {Entries} locked `packages` of package-lock.json
 * @param {Entries} present `packages` of node_modules/.package-lock.json
 */
export function isInstalled(locked, present) {
  const same = Object.entries(present).every(
    ([path, entry]) =>
      locked[path] !== undefined &&
      locked[path].integrity === entry.integrity &&
      locked[path].version === entry.version,
  );
  return (
    same && Object.entries(locked).every(([path, entry]) => path === '' || entry.optional || path in present)
  );
}

/**
 * `npm ci`, unless node_modules is what the lock file says.
 * @param {string} root
 */
export async function installDependencies(root) {
  /** @param {string} file @returns {Entries} */
  const entries = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  try {
    if (isInstalled(entries('package-lock.json'), entries('node_modules/.package-lock.json'))) return;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
  const options = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  await step('installing npm packages', () => run('npm', ['ci', ...options], { cwd: root }));
}
