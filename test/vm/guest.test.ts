import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { expect, test } from 'vitest';

test('the guest’s kernel makes netkit devices', () => {
  expect(release()).toMatch(/^6\./);
  execFileSync('ip', ['link', 'add', 'nk-test', 'type', 'netkit']);
  try {
    const [link] = JSON.parse(
      execFileSync('ip', ['-d', '-j', 'link', 'show', 'nk-test'], { encoding: 'utf8' }),
    );
    expect(link.linkinfo.info_kind).toBe('netkit');
  } finally {
    execFileSync('ip', ['link', 'delete', 'nk-test']);
  }
});
