import { join } from 'node:path';
import { run } from '../setup/progress.js';

const root = join(import.meta.dirname, '../..');

/** Compile cache of Node.js, shared with the guest, where compiling takes a third of the agent's start. */
export const compileCache = join(root, '.cache/node');

/**
 * Fills the compile cache natively with the modules that programs of this clone load in the guest.
 * @param commands arguments of Node.js for each program, which has to end soon
 * @param more further environment of the programs
 */
export async function fillCompileCache(
  commands: readonly (readonly string[])[],
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const env = { NODE_COMPILE_CACHE: compileCache, ...more };
  await Promise.all(commands.map((command) => run(process.execPath, [...command], { cwd: root, env })));
}
