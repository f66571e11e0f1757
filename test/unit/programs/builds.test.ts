import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import { maxBuilds, maxObjectFileSize } from '../../../contract/limits.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { BuildFiles, computeObjectDigest } from '../../../server/programs/build-files.ts';
import { type BuildRunner, DatapathBuilds } from '../../../server/programs/builds.ts';
import { TrustedSigners } from '../../../server/programs/trusted-signers.ts';
import type { SettingStore } from '../../../server/store/store-interfaces.ts';
import { SigningKey } from '../../testbed/builds.ts';
import { temporaryFolder } from '../store/temporary-store.ts';

const named = (image: Buffer): string => computeObjectDigest(image).toString('hex');

/** Stands where the datapath would: the kernel is the subject of test/kernel/programs. */
class Runner implements BuildRunner {
  build = '';
  readonly events: Pick<AgentEvent, 'type' | 'severity' | 'message'>[] = [];
  fail: Error | null = null;
  attachments = () => 4;
  testBuild = async () => this.#mayFail();

  async replaceBuild(image: Buffer, each: (replaced: number) => void): Promise<void> {
    each(1);
    this.#mayFail();
    for (const replaced of [2, 3, 4]) each(replaced);
    this.build = named(image);
  }

  async publish(event: Omit<AgentEvent, 'id' | 'time'>): Promise<void> {
    this.events.push(event);
  }

  #mayFail(): void {
    if (this.fail) throw this.fail;
  }
}

async function scene(installed = Buffer.from('installed')) {
  const folder = temporaryFolder();
  const trust = join(folder, 'trust');
  mkdirSync(trust, { mode: 0o700 });
  const settings = new Map<string, unknown>();
  const store: Pick<SettingStore, 'setting' | 'saveSetting'> & { full: boolean } = {
    full: false,
    setting: async (_scope: string, name: string) => settings.get(name) ?? null,
    async saveSetting(_scope: string, name: string, value: unknown) {
      if (this.full) throw new ProblemError('store_failed', 'the disk is full');
      settings.set(name, value);
    },
  };
  /** An agent that starts, with what the one before left. */
  const start = async (comesWith = installed) => {
    const parts = {
      files: new BuildFiles(join(folder, 'builds')),
      signers: new TrustedSigners(trust),
      store,
    };
    const builds = await DatapathBuilds.open({ ...parts, installed: comesWith });
    const runner = new Runner();
    runner.build = named(builds.chosenImage() ?? comesWith);
    await builds.runOn(runner, null);
    return { builds, runner };
  };
  return { trust, store, start, key: new SigningKey(trust), ...(await start()) };
}

const image = Buffer.from('another');
const name = named(image);

test('a build signed by a trusted key is stored once', async () => {
  const { builds, key, runner } = await scene();
  const added = await builds.add(image, key.sign(image), 'ada');
  expect(added).toMatchObject({ sha256: name, signer: 'release', trusted: true, active: false });
  expect(await builds.add(image, key.sign(image), 'bob')).toMatchObject({ addedBy: 'ada' });
  expect(builds.list().items.map(({ installed }) => installed)).toEqual([true, false]);
  expect(runner.events).toMatchObject([
    { type: 'build.added', message: expect.stringMatching(/^ada added/) },
  ]);
});

test('an unsigned, untrusted or modified build is refused before it is parsed', async () => {
  const { builds, key, runner } = await scene();
  runner.fail = new Error('was read');
  const unknownSigner = new SigningKey(temporaryFolder());
  for (const signature of [
    Buffer.alloc(64),
    Buffer.alloc(0),
    unknownSigner.sign(image),
    key.sign(Buffer.from('x')),
  ])
    await expect(builds.add(image, signature, 'ada')).rejects.toMatchObject({
      code: 'unsigned_build',
      message: expect.stringContaining('(release)'),
    });
  expect(builds.list().items).toHaveLength(1);
});

test('a build that the kernel refuses, that is too large or over the limit is not stored', async () => {
  const { builds, key, runner } = await scene();
  runner.fail = new ProblemError('verifier_refused', 'R9 !read_ok');
  await expect(builds.add(image, key.sign(image), 'ada')).rejects.toMatchObject({ code: 'verifier_refused' });
  runner.fail = null;
  const large = Buffer.alloc(maxObjectFileSize + 1);
  await expect(builds.add(large, key.sign(large), 'ada')).rejects.toMatchObject({ code: 'too_large' });
  const add = (n: number) => builds.add(Buffer.from([n]), key.sign(Buffer.from([n])), 'ada');
  for (let n = 0; n < maxBuilds; n++) await add(n);
  await expect(add(maxBuilds)).rejects.toMatchObject({ code: 'too_many_builds' });
  await builds.remove(named(Buffer.from([0])), 'ada');
  await add(maxBuilds);
  expect(builds.list().items).toHaveLength(1 + maxBuilds);
});

test('an activated build runs, persists for the next agent, and can be rolled back', async () => {
  const { builds, key, start, runner } = await scene();
  await builds.add(image, key.sign(image), 'ada');
  await expect(builds.rollBack('ada')).rejects.toMatchObject({ code: 'no_previous_build' });
  expect(await builds.activate(name, 'ada')).toMatchObject({
    state: 'done',
    attachments: { total: 4, replaced: 4 },
    error: null,
  });
  expect(builds.list().items).toMatchObject([
    { installed: true, active: false, previous: true },
    { sha256: name, active: true, previous: false },
  ]);
  await expect(builds.activate(name, 'ada')).rejects.toMatchObject({ code: 'build_active' });
  await expect(builds.remove(name, 'ada')).rejects.toMatchObject({ code: 'build_active' });
  const next = await start();
  expect(next.builds.chosenImage()).toEqual(image);
  expect(next.runner.events).toEqual([]);
  await next.builds.rollBack('ada');
  expect(next.runner.build).toBe(named(Buffer.from('installed')));
  expect((await start()).builds.chosenImage()).toBeNull();
  expect(runner.events.map(({ type }) => type)).toEqual(['build.added', 'build.activated']);
});

test('an activation that fails halfway is reported as undone and changes nothing', async () => {
  const { builds, key, runner, start } = await scene();
  await builds.add(image, key.sign(image), 'ada');
  runner.fail = new ProblemError('kernel_refused', 'no memory');
  await expect(builds.activate(name, 'ada')).rejects.toMatchObject({ code: 'kernel_refused' });
  expect(builds.list().activation).toMatchObject({ state: 'undone', error: 'no memory' });
  expect(runner.events.at(-1)).toMatchObject({ type: 'build.undone', severity: 'error' });
  expect((await start()).builds.chosenImage()).toBeNull();
});

test('if the choice cannot be stored, the build that the next agent would run is restored', async () => {
  const { builds, key, runner, store } = await scene();
  await builds.add(image, key.sign(image), 'ada');
  store.full = true;
  await expect(builds.activate(name, 'ada')).rejects.toMatchObject({ code: 'store_failed' });
  expect(runner.build).toBe(named(Buffer.from('installed')));
});

test('an upgraded agent runs the chosen build and reports that it bundles another', async () => {
  const { builds, key, start } = await scene();
  await builds.add(image, key.sign(image), 'ada');
  await builds.activate(name, 'ada');
  const upgraded = await start(Buffer.from('a newer one'));
  expect(upgraded.runner.build).toBe(name);
  expect(upgraded.builds.list().newer).toBe(true);
  expect(upgraded.runner.events).toMatchObject([{ type: 'build.newer', severity: 'warning' }]);
});

test('an upgraded agent without a choice runs the bundled build', async () => {
  const { start } = await scene();
  const upgraded = await start(Buffer.from('a newer one'));
  expect(upgraded.builds.chosenImage()).toBeNull();
  expect(upgraded.builds.list().newer).toBe(false);
});

test('a chosen build whose key is no longer trusted does not run', async () => {
  const { builds, key, start, trust } = await scene();
  await builds.add(image, key.sign(image), 'ada');
  await builds.activate(name, 'ada');
  rmSync(join(trust, 'release.pem'));
  const next = await start();
  expect(next.builds.chosenImage()).toBeNull();
  expect(next.runner.events).toMatchObject([{ type: 'build.undone', severity: 'error' }]);
  expect(next.builds.list().items[1]).toMatchObject({ trusted: false, signer: null });
  await expect(next.builds.activate(name, 'ada')).rejects.toMatchObject({ code: 'unsigned_build' });
});

test('a folder writable by others, private keys and other key types are refused', async () => {
  const { builds, trust, key } = await scene();
  chmodSync(trust, 0o777);
  await expect(builds.add(image, key.sign(image), 'ada')).rejects.toThrow('it is writable by others');
  chmodSync(trust, 0o700);
  writeFileSync(join(trust, 'bad.pem'), 'no key');
  expect(() => builds.signers()).toThrow(/bad\.pem/);
});

test('keys and signatures made by the script are accepted', async () => {
  const { builds, trust } = await scene();
  const script = join(import.meta.dirname, '../../../scripts/sign-build.ts');
  const run = (...words: string[]) =>
    execFileSync(process.execPath, [script, ...words], { cwd: trust, stdio: ['ignore', 'pipe', 'pipe'] });
  run('--new-key', 'mine');
  writeFileSync(join(trust, 'object.o'), image);
  run('--key', 'mine.key', 'object.o');
  const signature = Buffer.from(readFileSync(join(trust, 'object.o.sig'), 'utf8'), 'base64');
  expect(await builds.add(image, signature, 'ada')).toMatchObject({ signer: 'mine' });
  const body = JSON.parse(run('--key', 'mine.key', '--json', 'object.o').toString());
  expect(body).toEqual({ object: image.toString('base64'), signature: signature.toString('base64') });
  expect(() => run('--new-key', 'mine')).toThrow();
});
