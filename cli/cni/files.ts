import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Content of a file with its permissions. */
export interface FileContent {
  bytes: Buffer;
  mode: number;
}

/** Reads a file; null if there is none. */
export async function readFileIfThere(path: string): Promise<FileContent | null> {
  try {
    return { bytes: await readFile(path), mode: (await stat(path)).mode & 0o7777 };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Writes a file so that every reader sees the old content or the new one, also after a power failure. The temporary name
 * ends with `.new`, which no runtime takes for a configuration.
 */
export async function writeFileAtomically(path: string, { bytes, mode }: FileContent): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.new`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

export async function deleteFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a folder with its parents. @returns the folders that were created, parents first */
export async function createFolder(folder: string): Promise<string[]> {
  const first = await mkdir(folder, { recursive: true, mode: 0o755 });
  if (first === undefined) return [];
  const created: string[] = [];
  for (let each = folder; ; each = dirname(each)) {
    created.unshift(each);
    if (each === first) return created;
  }
}

export const hashBytes = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
