import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type DebugDump,
  type DebugDumpManifest,
  debugDumpManifestSchema,
  type NewDebugDumpInput,
} from '../../contract/debug-dump.ts';
import type { TestNode } from './node.ts';

/** An archive, unpacked by tar(1) into a folder that goes with it. */
export interface UnpackedDump extends Disposable {
  manifest: DebugDumpManifest;
  /** Paths of all files, those of the manifest and itself, sorted. */
  paths: string[];
  read(path: string): Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is what it checks
  json(path: string): any;
}

export function unpackDump(archive: string): UnpackedDump {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-dump-'));
  execFileSync('tar', ['-xzf', archive, '-C', folder]);
  const [name, ...others] = readdirSync(folder);
  if (name === undefined || others.length > 0)
    throw new Error(`not one folder: ${[name, ...others].join(' ')}`);
  const root = join(folder, name);
  const read = (path: string) => readFileSync(join(root, path));
  const json = (path: string) => JSON.parse(read(path).toString('utf8'));
  return {
    manifest: debugDumpManifestSchema.parse(json('manifest.json')),
    paths: readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .sort(),
    read,
    json,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** Files of the manifest that are not there as it says, and files that it does not know; none when all is well. */
export function corruptFiles({ manifest, paths, read }: UnpackedDump): string[] {
  const told = manifest.files.filter(({ bytes }) => bytes !== null);
  const wrong = told.filter(({ path, bytes, sha256 }) => {
    const content = paths.includes(path) ? read(path) : null;
    return content?.length !== bytes || createHash('sha256').update(content).digest('hex') !== sha256;
  });
  const known = new Set(['index.html', 'manifest.json', ...told.map(({ path }) => path)]);
  return [...wrong.map(({ path }) => path), ...paths.filter((path) => !known.has(path))];
}

/** Has the agent make a dump. @returns it, done, and where its archive is */
export async function createDump(
  node: TestNode,
  wanted: NewDebugDumpInput = {},
): Promise<{ dump: DebugDump; archive: string }> {
  let dump = await node.ask<DebugDump>('POST', '/dumps', wanted);
  while (dump.state === 'running') {
    await sleep(20);
    dump = await node.ask<DebugDump>('GET', `/dumps/${dump.id}`);
  }
  return { dump, archive: join(dumpsFolder(node), `${dump.id}.tar.gz`) };
}

export const dumpsFolder = ({ database }: TestNode): string => join(database, '../dumps');
