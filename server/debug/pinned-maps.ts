import { closeSync, type Dirent, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPinnedObject } from '../bpf/pin.ts';

/**
 * Returns the ids of the maps pinned below a folder, read from `map_id:` in /proc/self/fdinfo. Empty if the folder does
 * not exist.
 */
export function listPinnedMapIds(folder: string): number[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch {
    return [];
  }
  const ids = entries
    .filter((entry) => entry.isFile())
    .map((entry) => mapId(join(entry.parentPath, entry.name)))
    .filter((id) => id !== null);
  return [...new Set(ids)].sort((a, b) => a - b);
}

function mapId(path: string): number | null {
  const fd = openPinnedObject(path);
  if (fd === null) return null;
  try {
    const [, id] = /^map_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    return id === undefined ? null : Number(id);
  } finally {
    closeSync(fd);
  }
}
