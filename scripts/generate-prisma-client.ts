// Generates the Prisma client into server/store/client. Prisma insists on an engine binary to download,
// though generating needs none: any executable satisfies it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const { status, error } = spawnSync(path.join(root, 'node_modules/.bin/prisma'), ['generate'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
});
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
