// Plain JavaScript, as all of the set-up.
import { existsSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Units of systemd that packages of container runtimes start, by package. @type {Record<string, string[]>} */
const units = {
  containerd: ['containerd.service'],
  'docker.io': ['docker.service', 'docker.socket'],
  podman: ['podman.service', 'podman.socket', 'podman-restart.service', 'podman-auto-update.timer'],
};

/**
 * Runs `install` so that services of the packages that it installs start neither now (policy-rc.d, as invoke-rc.d(8)
 * describes it) nor at the next boot (masked units): a daemon would change the machine's firewall and interfaces.
 * @param {readonly string[]} packages
 * @param {() => Promise<unknown>} install
 * @param {string} [root] of the file system
 * @returns {Promise<string[]>} units that are masked now
 */
export async function installWithServicesOff(packages, install, root = '/') {
  const wanted = packages.flatMap((name) => units[name] ?? []);
  if (wanted.length === 0) {
    await install();
    return [];
  }
  const folder = join(root, 'etc/systemd/system');
  mkdirSync(folder, { recursive: true });
  // A unit that somebody has configured stays as it is.
  const masked = wanted.filter((unit) => !lstatSync(join(folder, unit), { throwIfNoEntry: false }));
  for (const unit of masked) symlinkSync('/dev/null', join(folder, unit));
  const policy = join(root, 'usr/sbin/policy-rc.d');
  const own = !existsSync(policy);
  if (own) {
    mkdirSync(join(policy, '..'), { recursive: true });
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  }
  const removePolicy = () => {
    if (own) rmSync(policy, { force: true });
  };
  const stop = () => {
    removePolicy();
    process.exit(130);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    await install();
    return masked;
  } catch (error) {
    for (const unit of masked) rmSync(join(folder, unit), { force: true });
    throw error;
  } finally {
    removePolicy();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
