import { createHash } from 'node:crypto';
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run, step } from '../setup/progress.js';
import { unpackPackages } from '../vm/unpack-packages.ts';

/** What the agent and the gateway need besides Node.js, with all that it depends on. */
const packages = [
  'base-files',
  'bash',
  'coreutils',
  'iproute2',
  'libbpf1',
  'libpcap0.8',
  'libstdc++6',
  'util-linux',
];
/** Folders and files of this clone that run. */
const parts = [
  ...['bpf', 'cli', 'contract', 'gateway', 'prisma', 'public', 'server'],
  ...['.next', 'next.config.ts', 'package.json', 'LICENSE'],
];
const clone = join(import.meta.dirname, '../..');
const cache = join(clone, '.cache/image');
/** Folder of Podlane in the image. */
const home = '/opt/podlane';

/** A name of the image: what a container runs by default. */
export interface ImageName {
  name: string;
  entrypoint: string[];
}

/** The image as it is published. */
export const publishedImage = (version: string): ImageName => ({
  name: `podlane:${version}`,
  entrypoint: [join(home, 'node_modules/.bin/node')],
});

/**
 * Builds an image out of Debian's packages, from the machine's own apt sources, and this clone. No registry takes part.
 * @param file archive that `ctr images import`, `docker load` and `podman load` read
 * @param names of the image in the archive, which has its files once
 */
export async function buildImage(file: string, names: readonly ImageName[]): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'podlane-image-'));
  try {
    const root = join(work, 'root');
    await run('cp', ['--archive', await ensureRoot(), root]);
    await step('copying Podlane into the image', () => copyPodlane(join(root, home)));
    await step('packing the image', () => packArchive(work, root, file, names));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The files of the packages, in this clone's cache; fetched first when they are missing. @returns their folder */
async function ensureRoot(): Promise<string> {
  const recipe = createHash('sha256').update(JSON.stringify(packages)).digest('hex');
  const folder = join(cache, recipe.slice(0, 12));
  if (existsSync(folder)) return folder;
  const made = `${folder}.${process.pid}`;
  try {
    await step('fetching the packages of the image', async () => {
      const root = join(made, 'root');
      prepareRoot(root);
      await unpackPackages(packages, { folder: made, root, complete: true });
      trimRoot(root);
      if (!existsSync(folder)) renameSync(root, folder); // else another process was faster
    });
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return folder;
}

/** Makes the links of a merged /usr, and the files that scripts of packages would write. */
function prepareRoot(root: string): void {
  for (const folder of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', folder), { recursive: true });
    symlinkSync(`usr/${folder}`, join(root, folder));
  }
  for (const folder of ['etc', 'run', 'tmp', 'var/run', 'var/lib/podlane'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

function trimRoot(root: string): void {
  for (const folder of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info'])
    rmSync(join(root, folder), { recursive: true, force: true });
}

function copyPodlane(to: string): void {
  const lock = JSON.parse(readFileSync(join(clone, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  if (!existsSync(join(clone, '.next/BUILD_ID')))
    throw new Error('the dashboard is not built: npm run build');
  mkdirSync(to, { recursive: true });
  for (const part of parts)
    cpSync(join(clone, part), join(to, part), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.startsWith(join(clone, '.next/cache')),
    });
  for (const [path, { dev = false, devOptional = false }] of Object.entries(lock.packages)) {
    // Packages of other platforms are not there.
    if (path === '' || dev || devOptional || !existsSync(join(clone, path))) continue;
    const nested = join(clone, path, 'node_modules');
    cpSync(join(clone, path), join(to, path), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (each) => each !== nested,
    });
  }
  mkdirSync(join(to, 'node_modules/.bin'), { recursive: true });
  symlinkSync('../node/bin/node', join(to, 'node_modules/.bin/node'));
  const podlane = join(to, '../../usr/bin/podlane');
  mkdirSync(dirname(podlane), { recursive: true });
  writeFileSync(podlane, `#!/bin/sh\nexec ${home}/node_modules/.bin/node ${home}/cli/main.ts "$@"\n`, {
    mode: 0o755,
  });
}

/** Packs a layer, a configuration for each name, and the manifest of `docker save` (moby's image specification 1.2). */
async function packArchive(
  work: string,
  root: string,
  file: string,
  names: readonly ImageName[],
): Promise<void> {
  const archive = join(work, 'archive');
  mkdirSync(archive);
  const layer = join(archive, 'layer.tar');
  const plain = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name'];
  await run('tar', [...plain, '-C', root, '-cf', layer, '.']);
  const digest = await hashFile(layer);
  const manifest = names.map(({ name, entrypoint }) => {
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {
        Entrypoint: entrypoint,
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        WorkingDir: home,
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
      history: [{ created_by: `podlane ${basename(file)}` }],
    });
    const configFile = `${createHash('sha256').update(config).digest('hex')}.json`;
    writeFileSync(join(archive, configFile), config);
    return { Config: configFile, RepoTags: [name], Layers: ['layer.tar'] };
  });
  writeFileSync(join(archive, 'manifest.json'), JSON.stringify(manifest));
  mkdirSync(dirname(file), { recursive: true });
  await run('tar', [...plain, '-C', archive, '-cf', file, '.']);
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
