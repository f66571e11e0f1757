import { join } from 'node:path';
import { withFileLock } from '../setup/file-lock.js';
import { installPackages } from '../setup/packages.js';
import { ensureLabImage } from './image.ts';

const root = join(import.meta.dirname, '../..');

/** Container runtimes that the lab can run its pods with; each names its packages in scripts/packages.txt. */
export const runtimeNames = ['docker', 'podman', 'containerd'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/**
 * Installs the Debian packages of some container runtimes that are missing, with their services off, and builds the image.
 * @throws Error with the command to run, when not root or not on Debian
 */
export async function installRuntimes(names: readonly RuntimeName[]): Promise<void> {
  await withFileLock(join(root, '.cache/setup/lock'), () =>
    installPackages(new URL('../packages.txt', import.meta.url), ['image', ...names]),
  );
  await ensureLabImage();
}
