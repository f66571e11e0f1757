import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ProblemError } from '../../contract/problem.ts';
import {
  createFolder,
  deleteFile,
  type FileContent,
  hashBytes,
  readFileIfThere,
  writeFileAtomically,
} from './files.ts';

/** Name of the record of an installation, beside the configurations; no runtime takes its end for one of these. */
const recordName = 'podlane.installed';
/** End of the names of files that were there before. */
const keptSuffix = '.before-podlane';

const installedFileSchema = z.object({
  path: z.string(),
  /** Hash of what was written; null if the file was removed. */
  written: z.string().nullable(),
  /** Path of what was there before; null if nothing was. */
  kept: z.string().nullable(),
});
export type InstalledFile = z.infer<typeof installedFileSchema>;

const installationSchema = z.object({
  version: z.literal(1),
  /** Files in the order in which they were written. */
  files: z.array(installedFileSchema),
  /** Folders that were created. */
  folders: z.array(z.string()),
});
export type Installation = z.infer<typeof installationSchema>;

/** A file that an installation wants to be there, or not: null. */
export interface WantedFile {
  path: string;
  content: FileContent | null;
  /** True if the installation was asked to change what is there. */
  changesOther?: boolean;
}

/** What was done with a file. */
export interface FileChange {
  path: string;
  change: 'written' | 'unchanged' | 'removed' | 'given back' | 'left as it is';
  /** Where what was there before is kept. */
  kept: string | null;
}

/** Reads the record of the installation of a folder of configurations; null if there is none. */
export async function readInstallation(configFolder: string): Promise<Installation | null> {
  const path = join(configFolder, recordName);
  const found = await readFileIfThere(path);
  if (found === null) return null;
  try {
    return installationSchema.parse(JSON.parse(found.bytes.toString()));
  } catch (error) {
    throw new ProblemError('unprocessable', `read ${path}: ${(error as Error).message}`);
  }
}

/** Reads what a file was before the installation changed it. */
export async function readOriginal(
  path: string,
  installation: Installation | null,
): Promise<FileContent | null> {
  const known = installation?.files.find((file) => file.path === path);
  const current = await readFileIfThere(path);
  if (known === undefined || hashOf(current) !== known.written) return current;
  return known.kept === null ? null : readFileIfThere(known.kept);
}

/**
 * Writes the files that are wanted, keeps what was there, and gives back what an earlier installation wrote and this one does
 * not. All is checked first: a refusal changes nothing.
 * @param replace takes over files that are not the installation's own
 * @throws ProblemError `cni_conflict`
 */
export async function installFiles(
  configFolder: string,
  wanted: readonly WantedFile[],
  { replace = false } = {},
): Promise<FileChange[]> {
  const installation = await readInstallation(configFolder);
  const known = installation?.files ?? [];
  const plan: { file: InstalledFile; current: FileContent | null; content: FileContent | null }[] = [];
  const refusals: string[] = [];
  for (const { path, content, changesOther = false } of wanted) {
    const before = known.find((file) => file.path === path);
    const current = await readFileIfThere(path);
    const written = hashOf(content);
    const isOwn = before !== undefined && hashOf(current) === before.written;
    const isKept = before !== undefined && hashOf(current) === (await hashOfKept(before));
    if (!isOwn && !isKept && current !== null && hashOf(current) !== written && !changesOther && !replace)
      refusals.push(before === undefined ? `${path} is there already` : `${path} was changed since`);
    const kept = isOwn || isKept ? (before?.kept ?? null) : current === null ? null : `${path}${keptSuffix}`;
    plan.push({ file: { path, written, kept }, current, content });
  }
  const obsolete = known.filter(({ path }) => !wanted.some((file) => file.path === path));
  for (const file of obsolete)
    if (!(await isUnchanged(file)) && !replace) refusals.push(`${file.path} was changed since`);
  if (refusals.length > 0)
    throw new ProblemError('cni_conflict', `install the CNI plugin: ${refusals.join('; ')}`, {
      hint: 'Give --replace to take these files over: what they are now is kept, and given back by podlane cni uninstall.',
    });

  const folders = [...(installation?.folders ?? [])];
  for (const folder of new Set([configFolder, ...wanted.map(({ path }) => dirname(path))]))
    folders.push(...(await createFolder(folder)));
  for (const { file, current } of plan) {
    const isNew = file.kept !== null && !known.some(({ kept }) => kept === file.kept);
    const isChanged =
      file.kept !== null && known.some((each) => each.path === file.path && hashOf(current) !== each.written);
    if (file.kept !== null && current !== null && (isNew || isChanged))
      await writeFileAtomically(file.kept, current);
  }
  // Before the files: after a power failure it tells what may be there.
  await writeRecord(configFolder, {
    version: 1,
    files: [...plan.map(({ file }) => file), ...obsolete],
    folders,
  });
  const changes: FileChange[] = [];
  for (const { file, current, content } of plan) {
    const isThere = hashOf(current) === file.written && (current?.mode ?? 0) === (content?.mode ?? 0);
    if (!isThere) await (content === null ? deleteFile(file.path) : writeFileAtomically(file.path, content));
    changes.push({
      path: file.path,
      change: isThere ? 'unchanged' : content === null ? 'removed' : 'written',
      kept: file.kept,
    });
  }
  for (const file of obsolete) changes.push(await giveBack(file));
  await writeRecord(configFolder, { version: 1, files: plan.map(({ file }) => file), folders });
  return changes;
}

/** Gives every file back as it was. A file that others have changed since is left, and so is what was kept of it. */
export async function uninstallFiles(configFolder: string): Promise<FileChange[]> {
  const installation = await readInstallation(configFolder);
  if (installation === null) return [];
  const changes: FileChange[] = [];
  // Configurations before the plugin, which they name.
  for (const file of installation.files.toReversed()) changes.push(await giveBack(file));
  await deleteFile(join(configFolder, recordName));
  for (const folder of installation.folders.toReversed())
    await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
    });
  return changes;
}

/** Tells whether a file is as the installation wrote it. */
export const isUnchanged = async (file: InstalledFile): Promise<boolean> =>
  hashOf(await readFileIfThere(file.path)) === file.written;

async function giveBack(file: InstalledFile): Promise<FileChange> {
  const { path, kept } = file;
  const before = kept === null ? null : await readFileIfThere(kept);
  const current = await readFileIfThere(path);
  if (hashOf(current) === hashOf(before)) {
    if (kept !== null) await deleteFile(kept);
    return { path, change: 'given back', kept: null };
  }
  if (hashOf(current) !== file.written || (kept !== null && before === null))
    return { path, change: 'left as it is', kept };
  if (before === null) {
    await deleteFile(path);
    return { path, change: 'removed', kept: null };
  }
  await writeFileAtomically(path, before);
  await deleteFile(`${kept}`);
  return { path, change: 'given back', kept: null };
}

const hashOf = (content: FileContent | null): string | null =>
  content === null ? null : hashBytes(content.bytes);

const hashOfKept = async ({ kept }: InstalledFile): Promise<string | null> =>
  kept === null ? null : hashOf(await readFileIfThere(kept));

const writeRecord = (folder: string, installation: Installation): Promise<void> =>
  writeFileAtomically(join(folder, recordName), {
    bytes: Buffer.from(`${JSON.stringify(installation, null, 2)}\n`),
    mode: 0o644,
  });
