import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeIfInputsChanged } from '../setup/make-if-changed.js';
import { run, step } from '../setup/progress.js';
import { requirePrograms } from './required-programs.ts';

const root = join(import.meta.dirname, '../..');
const archive = '.cache/runtimes/image.tar';

/** Name of the image that all containers of the lab and of tests run. */
export const labImage = 'podlane.local/lab:1';
/** Programs of busybox that the image has by name. */
const applets = ['cat', 'httpd', 'ip', 'nc', 'ping', 'sh', 'sleep', 'wget'];

/**
 * Makes the image once: busybox and the traffic program, without any registry. Its command sleeps, so it also serves as
 * the sandbox image of CRI.
 * @returns path of the archive, in the form of `docker save`, which every runtime reads
 */
export async function ensureLabImage(): Promise<string> {
  await makeIfInputsChanged({
    root,
    name: 'image',
    inputs: ['scripts/runtimes/traffic.c', 'scripts/runtimes/image.ts'],
    output: archive,
    make: () => step('building the image of the containers', makeImage),
  });
  return join(root, archive);
}

async function makeImage(): Promise<void> {
  requirePrograms(['gcc', '/usr/lib/x86_64-linux-gnu/libm.a', '/bin/busybox']);
  mkdirSync(join(root, archive, '..'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache/runtimes/image-'));
  try {
    const files = join(folder, 'root');
    for (const name of ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp'])
      mkdirSync(join(files, name), { recursive: true });
    copyFileSync('/bin/busybox', join(files, 'bin/busybox'));
    for (const name of applets) symlinkSync('busybox', join(files, 'bin', name));
    const traffic = ['-O2', '-Wall', '-Werror', '-static', '-s', '-o', join(files, 'bin/traffic')];
    await run('gcc', [...traffic, join(import.meta.dirname, 'traffic.c'), '-lm']);
    const layer = join(folder, 'layer.tar');
    await run('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', files, '-cf', layer, '.']);

    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sleep', '2000000000'], Env: ['PATH=/bin'], WorkingDir: '/' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(readFileSync(layer))}`] },
      history: [],
    });
    const configName = `${sha256(config)}.json`;
    writeFileSync(join(folder, configName), config);
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify([{ Config: configName, RepoTags: [labImage], Layers: ['layer.tar'] }]),
    );
    const made = join(folder, 'image.tar');
    await run('tar', ['-C', folder, '-cf', made, 'manifest.json', configName, 'layer.tar']);
    renameSync(made, join(root, archive));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
