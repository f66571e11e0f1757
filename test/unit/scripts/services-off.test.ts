import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installWithServicesOff } from '../../../scripts/setup/services-off.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'podlane-services-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const policy = () => join(root, 'usr/sbin/policy-rc.d');
const unit = (name: string) => join(root, 'etc/systemd/system', name);

test('services of a container runtime start neither while it is installed nor at the next boot', async () => {
  const masked = await installWithServicesOff(
    ['docker.io', 'gcc'],
    async () => {
      expect(readFileSync(policy(), 'utf8')).toContain('exit 101');
      expect(lstatSync(policy()).mode & 0o777).toBe(0o755);
    },
    root,
  );
  expect(masked).toEqual(['docker.service', 'docker.socket']);
  for (const name of masked) expect(readlinkSync(unit(name))).toBe('/dev/null');
  expect(existsSync(policy())).toBe(false);
});

test('a policy and units that somebody has configured stay', async () => {
  mkdirSync(join(policy(), '..'), { recursive: true });
  mkdirSync(join(unit('x'), '..'), { recursive: true });
  writeFileSync(policy(), 'theirs');
  writeFileSync(unit('docker.service'), 'theirs');
  expect(await installWithServicesOff(['docker.io'], async () => {}, root)).toEqual(['docker.socket']);
  expect(readFileSync(policy(), 'utf8')).toBe('theirs');
  expect(readFileSync(unit('docker.service'), 'utf8')).toBe('theirs');
});

test('nothing is masked when the installation fails, nor for packages without services', async () => {
  const fail = () => Promise.reject(new Error('no space'));
  await expect(installWithServicesOff(['podman', 'containerd'], fail, root)).rejects.toThrow('no space');
  expect(existsSync(unit('podman.socket'))).toBe(false);
  expect(existsSync(policy())).toBe(false);
  expect(await installWithServicesOff(['gcc'], async () => {}, root)).toEqual([]);
});
