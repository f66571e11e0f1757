#!/usr/bin/env node
// The command `podlane`. Sources are TypeScript as it stands: an older Node hands on to the one that set-up installed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (process.features.typescript) {
  const { runCli: main } = await import('./main.ts');
  await main(process.argv.slice(2));
} else {
  const node = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `podlane: Node ${process.versions.node} does not run TypeScript\n  use Node 24, or run npm run build once: it installs one here\n`,
    );
    process.exit(1);
  }
  const main = fileURLToPath(new URL('./podlane.js', import.meta.url));
  // Ctrl-C reaches both: the one behind cleans up, and its end is ours.
  process.on('SIGINT', () => {});
  const { status, signal } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}
