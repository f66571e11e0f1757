import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian package of each program that container runtimes need. Paths that start with / are not looked for in PATH. */
const packages = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  ip: 'iproute2',
  iptables: 'iptables',
  dockerd: 'docker.io',
  docker: 'docker.io',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  podman: 'podman',
  conmon: 'conmon',
  gcc: 'gcc',
  '/usr/lib/podman/netavark': 'netavark',
  '/usr/lib/cni/bridge': 'containernetworking-plugins',
  '/bin/busybox': 'busybox-static',
  '/usr/lib/x86_64-linux-gnu/libm.a': 'libc6-dev',
} as const;

export type RequiredProgram = keyof typeof packages;

/** @throws Error with the command that installs what is missing */
export function requirePrograms(programs: readonly RequiredProgram[]): void {
  const missing = programs.filter((program) => !isThere(program));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map((program) => packages[program]))].join(' ');
  throw new Error(
    `missing: ${missing.join(', ')}. As root, run\n\n  apt-get install --yes --no-install-recommends ${names}\n`,
  );
}

function isThere(program: RequiredProgram): boolean {
  if (program === '/bin/busybox') return existsSync(program) && isStatic(program);
  if (program.startsWith('/')) return existsSync(program);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Returns true for a program that runs in an image without libraries, unlike that of the package busybox. */
const isStatic = (path: string): boolean => !readFileSync(path).includes('/lib64/ld-linux');
