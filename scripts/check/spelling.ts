import { spawnSync } from 'node:child_process';

/** Reports misspelled words (cspell with American English and `scripts/check/dictionary.txt`). */
export function checkSpelling(root: string): string {
  const { status, stdout, stderr } = spawnSync('cspell', ['lint', '--no-progress', '--no-summary', '.'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return status === 0 ? '' : stdout || stderr || `cspell ended with ${status}`;
}
