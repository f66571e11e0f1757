import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { run, step } from './progress.js';
import { installWithServicesOff } from './services-off.js';

const lockWaitSeconds = 600;

/**
 * Package names for some purposes, out of the text of scripts/packages.txt.
 * @param {string} text
 * @param {string[]} purposes
 * @returns {string[]} sorted, each once
 */
export function parsePackages(text, purposes) {
  const names = text
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
    .filter(([purpose]) => purposes.includes(/** @type {string} */ (purpose)))
    .map(([, name]) => /** @type {string} */ (name));
  return [...new Set(names)].sort();
}

/**
 * Installs the Debian packages of some purposes that are missing.
 * @param {URL} list scripts/packages.txt
 * @param {string[]} purposes
 * @throws {Error} with the command to run, when not root or not on Debian
 */
export async function installPackages(list, purposes) {
  const wanted = parsePackages(readFileSync(list, 'utf8'), purposes);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format
  const answer = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Abbrev}\n', ...wanted], {
    encoding: 'utf8',
  });
  if (answer.error)
    throw new Error(`this is not Debian: install what its packages ${wanted.join(', ')} hold`);
  const installed = answer.stdout
    .split('\n')
    .filter((line) => /^\S+ .i/.test(line))
    .map((line) => line.split(' ')[0]);
  const missing = wanted.filter((name) => !installed.includes(name));
  if (missing.length === 0) return;
  const command = `apt-get install --yes --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) {
    throw new Error(`packages are missing. As root, run\n\n  apt-get update && ${command}\n`);
  }
  await step('reading the package lists', () => apt(['update']));
  const masked = await step(`installing ${missing.join(', ')}`, () =>
    installWithServicesOff(missing, () => apt(command.split(' ').slice(1))),
  );
  if (masked.length > 0)
    process.stderr.write(
      `their services stay off; to use them on this machine: systemctl unmask ${masked.join(' ')}\n`,
    );
}

/**
 * apt-get, waiting while another one holds a lock: it waits for dpkg's by itself, for that of the lists it does not.
 * @param {string[]} args
 */
async function apt(args) {
  const options = ['-q', '-o', `DPkg::Lock::Timeout=${lockWaitSeconds}`, '-o', 'Acquire::Retries=3'];
  const end = Date.now() + lockWaitSeconds * 1000;
  for (;;) {
    try {
      return await run('apt-get', [...options, ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
    } catch (error) {
      if (!/Could not get lock|Unable to lock/.test(String(error)) || Date.now() > end) throw error;
      await delay(2000);
    }
  }
}
