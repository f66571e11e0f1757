import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { run, step } from '../setup/progress.js';
import { prepareAptFolder } from './apt-options.ts';
import { addBackportsSources, readAptSources } from './apt-sources.ts';
import { extractVmlinux } from './extract-vmlinux.ts';

/** Paths of the fetched guest: `root` holds the unpacked packages with the kernel's modules, `vmlinux` the kernel. */
export interface GuestFiles {
  folder: string;
  root: string;
  vmlinux: string;
}

const release = 'bookworm'; // Debian 12: its QEMU 7.2 still brings the C virtiofsd, its backports the netkit kernel
const packages = ['qemu-system-x86', 'busybox-static', 'iproute2', 'bpftool', 'iputils-ping', 'tcpdump'];
const fromBackports = ['iproute2', 'bpftool'];
/** Kernel modules that the guest loads at boot, in this order: before it has a root, there is no modprobe. */
export const guestBootModules = [
  'kernel/fs/overlayfs/overlay.ko',
  'kernel/net/core/failover.ko',
  'kernel/drivers/net/net_failover.ko',
  'kernel/drivers/net/virtio_net.ko',
];
/** What is unpacked of the kernel's modules; the kernel asks modprobe for them when something uses them. */
const wantedModules = [
  'kernel/net/',
  'kernel/lib/',
  'kernel/crypto/',
  'kernel/drivers/net/',
  'kernel/fs/overlayfs/',
];

const clone = join(import.meta.dirname, '../..');
const cache = join(clone, '.cache/vm');

/**
 * The guest's files in this clone's cache; fetched first (15 s, 60 MB) when they are missing or the recipe has changed.
 * Packages are only unpacked: nothing is installed, and the system's sources stay as they are.
 * @throws when apt refuses, or this is not Debian 12
 */
export async function ensureGuestFiles(): Promise<GuestFiles> {
  const recipe = createHash('sha256');
  for (const file of ['fetch-guest-files.ts', 'apt-options.ts', 'apt-sources.ts', 'extract-vmlinux.ts'])
    recipe.update(readFileSync(join(import.meta.dirname, file)));
  const folder = join(cache, recipe.digest('hex').slice(0, 12));
  if (!existsSync(folder)) await step('fetching the netkit guest', () => fetchGuest(folder));
  return guestFiles(folder);
}

const guestFiles = (folder: string): GuestFiles => ({
  folder,
  root: join(folder, 'root'),
  vmlinux: join(folder, 'vmlinux'),
});

async function fetchGuest(folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const made = `${folder}.${process.pid}`;
  try {
    const files = guestFiles(made);
    for (const part of ['root', 'apt/debs']) mkdirSync(join(made, part), { recursive: true });
    await unpackPackages(join(made, 'apt'), files.root);
    const [bzImage] = globSync(join(files.root, 'boot/vmlinuz-*'));
    if (!bzImage) throw new Error('the kernel package holds no vmlinuz');
    writeFileSync(files.vmlinux, extractVmlinux(readFileSync(bzImage)));
    await unpackModules(files);
    rmSync(join(made, 'apt'), { recursive: true });
    if (!existsSync(folder)) renameSync(made, folder); // else another process was faster
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** Downloads and unpacks `packages` and a kernel with netkit, along with the dependencies that this machine lacks. */
async function unpackPackages(apt: string, root: string): Promise<void> {
  requireRelease();
  const options = prepareAptFolder(apt, 'guest', addBackportsSources(readAptSources(), release));
  await run('apt-get', [...options, '-qq', 'update']);

  const kernels = await run('apt-cache', [
    ...options,
    'depends',
    '-t',
    `${release}-backports`,
    'linux-image-cloud-amd64',
  ]);
  const kernel = /Depends: (linux-image-[0-9]\S*)/.exec(kernels)?.[1];
  if (!kernel)
    throw new Error(
      `${release}-backports has no linux-image-cloud-amd64: the guest's kernel comes from there`,
    );

  const wanted = packages.map((name) =>
    fromBackports.includes(name) ? `${name}/${release}-backports` : name,
  );
  const plan = await run('apt-get', [...options, '-s', '--reinstall', 'install', ...wanted]);
  const exact = [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(
    ([, name, version]) => `${name}=${version}`,
  );
  await run('apt-get', [...options, '-qq', 'download', ...exact, `${kernel}/${release}-backports`], {
    cwd: join(apt, 'debs'),
  });
  for (const file of globSync(join(apt, 'debs/*.deb'))) await run('dpkg-deb', ['--extract', file, root]);
}

function requireRelease(): void {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename !== release) {
    throw new Error(
      `this kernel has no netkit, and the virtual machine that brings one is made of Debian 12's packages; this is ${codename ?? 'not Debian'}. ` +
        'Boot a kernel with CONFIG_NETKIT (6.7 or newer), or run with --native for veth only.',
    );
  }
}

/** Unpacks the kernel's modules where they are, and lists them for modprobe (depmod(8)). */
async function unpackModules({ root }: GuestFiles): Promise<void> {
  const busybox = join(root, 'bin/busybox');
  const [folder] = globSync(join(root, 'lib/modules/*'));
  if (!folder) throw new Error('the kernel package holds no modules');
  for (const packed of globSync(join(folder, 'kernel/**/*.ko.xz'))) {
    const file = packed.slice(0, -'.xz'.length);
    if (!wantedModules.some((wanted) => file.startsWith(join(folder, wanted)))) rmSync(packed);
  }
  await run('find', [folder, '-name', '*.xz', '-exec', busybox, 'unxz', '{}', '+']);
  for (const file of guestBootModules)
    if (!existsSync(join(folder, file))) throw new Error(`the kernel package holds no module ${file}`);
  await run(busybox, ['depmod', '-b', root, basename(folder)]);
  symlinkSync('busybox', join(root, 'bin/modprobe'));
}
