import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * SHA-256 over the names and contents of files, and of all files below folders. A missing one counts as such.
 * @param {string} root
 * @param {string[]} paths below root
 */
export function hashInputs(root, paths) {
  const hash = createHash('sha256');
  /** @param {string} path */
  const add = (path) => {
    const file = join(root, path);
    if (!existsSync(file)) hash.update(`${path}\0missing\0`);
    else if (statSync(file).isDirectory()) for (const name of readdirSync(file).sort()) add(join(path, name));
    else hash.update(`${path}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/**
 * Does `make` unless `output` is there and was made from the same inputs.
 * @param {{root: string, name: string, inputs: string[], output: string, make: () => Promise<unknown>}} step
 * @returns {Promise<boolean>} whether it was made now
 */
export async function makeIfInputsChanged({ root, name, inputs, output, make }) {
  const record = join(root, '.cache/setup', name);
  const hash = hashInputs(root, inputs);
  if (existsSync(join(root, output)) && existsSync(record) && readFileSync(record, 'utf8') === hash)
    return false;
  rmSync(record, { force: true });
  await make();
  mkdirSync(join(root, '.cache/setup'), { recursive: true });
  writeFileSync(record, hash);
  return true;
}
