import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isInstalled } from '../../../scripts/setup/dependencies.js';
import { withFileLock } from '../../../scripts/setup/file-lock.js';
import { hashInputs, makeIfInputsChanged } from '../../../scripts/setup/make-if-changed.js';
import { parsePackages } from '../../../scripts/setup/packages.js';
import { run } from '../../../scripts/setup/progress.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'podlane-setup-'));
  mkdirSync(join(root, 'sources/deep'), { recursive: true });
  writeFileSync(join(root, 'sources/deep/a'), 'one');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a step that makes something from inputs', () => {
  const step = () => ({
    root,
    name: 'step',
    inputs: ['sources', 'lock'],
    output: 'made',
    make: async () => writeFileSync(join(root, 'made'), ''),
  });

  test('is done once, and again when an input changes, appears, or the output is gone', async () => {
    expect(await makeIfInputsChanged(step())).toBe(true);
    expect(await makeIfInputsChanged(step())).toBe(false);
    writeFileSync(join(root, 'sources/deep/a'), 'two');
    expect(await makeIfInputsChanged(step())).toBe(true);
    writeFileSync(join(root, 'lock'), '');
    expect(await makeIfInputsChanged(step())).toBe(true);
    rmSync(join(root, 'made'));
    expect(await makeIfInputsChanged(step())).toBe(true);
    expect(await makeIfInputsChanged(step())).toBe(false);
  });

  test('is done again after it failed half-way', async () => {
    await makeIfInputsChanged(step());
    writeFileSync(join(root, 'sources/b'), '');
    const fail = { ...step(), make: () => Promise.reject(new Error('no space')) };
    await expect(makeIfInputsChanged(fail)).rejects.toThrow('no space');
    expect(await makeIfInputsChanged(step())).toBe(true);
  });

  test('tells contents that moved between files apart', () => {
    const before = hashInputs(root, ['sources']);
    rmSync(join(root, 'sources/deep/a'));
    writeFileSync(join(root, 'sources/deep/b'), 'one');
    expect(hashInputs(root, ['sources'])).not.toBe(before);
  });
});

describe('node_modules against the lock file', () => {
  const locked = {
    '': { version: '1.0.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'A' },
    'node_modules/b': { version: '1.0.0', integrity: 'B', optional: true },
  };
  const a = { 'node_modules/a': { version: '1.0.0', integrity: 'A' } };

  test.each([
    ['all there', { ...a, 'node_modules/b': { version: '1.0.0', integrity: 'B' } }, true],
    ['an optional one of another platform missing', a, true],
    ['a package missing', {}, false],
    ['another version', { 'node_modules/a': { version: '1.0.1', integrity: 'A2' } }, false],
    ['one too many', { ...a, 'node_modules/c': { version: '1.0.0', integrity: 'C' } }, false],
  ])('%s', (_, present, installed) => {
    expect(isInstalled(locked, present)).toBe(installed);
  });
});

test('packages are picked by purpose, each once', () => {
  const text = '# comment\nlab  a  why\ntest b why\n\nbench a why\n';
  expect(parsePackages(text, ['lab', 'bench'])).toEqual(['a']);
  expect(parsePackages(text, ['lab', 'test'])).toEqual(['a', 'b']);
});

describe('the set-up lock', () => {
  test('holds off a second one, and a dead process’s lock is taken over', async () => {
    const file = join(root, 'state/lock');
    const order: string[] = [];
    mkdirSync(join(root, 'state'));
    writeFileSync(file, '999999999');
    await Promise.all([
      withFileLock(file, async () => {
        order.push('first starts');
        await new Promise((resolve) => setTimeout(resolve, 50));
        order.push('first ends');
      }),
      new Promise<void>((resolve) => setTimeout(resolve, 300)).then(() =>
        withFileLock(file, async () => void order.push('second')),
      ),
    ]);
    expect(order).toEqual(['first starts', 'first ends', 'second']);
    expect(existsSync(file)).toBe(false);
  });
});

test('a program that fails is an error with its command, exit code and last lines', async () => {
  await expect(run('sh', ['-c', 'echo said; echo why >&2; exit 3'])).rejects.toThrow(
    /sh -c .*\nended with exit code 3:\nsaid\nwhy/,
  );
  await expect(run('/nonexistent', [])).rejects.toThrow('cannot be started');
});
