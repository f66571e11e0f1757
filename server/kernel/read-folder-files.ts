import { readdirSync } from 'node:fs';
import { close, openat, read } from '../ffi/libc.ts';

// Constants of <fcntl.h>.
const AT_FDCWD = -100;
const O_RDONLY_CLOEXEC = 0o2_000_000;
const O_DIRECTORY_CLOEXEC = 0o2_200_000;
/** Bytes that are read of a file; values of procfs and sysfs fit in a page. */
const maxBytes = 4096;

/** A file of a folder, and its content without white space at both ends. */
export interface FolderFile {
  name: string;
  content: string;
}

/**
 * Reads the small files of a folder of procfs or sysfs. Files are opened relative to the folder and read by one call,
 * which takes a quarter of the time of `readFileSync` for each. Those that cannot be read, and whole folders that do not
 * exist, are left out.
 * @param wanted names of the files to read; default all
 */
export function readFolderFiles(
  folder: string,
  wanted: (name: string) => boolean = () => true,
): FolderFile[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter(wanted);
  } catch {
    return [];
  }
  const folderFd = openat(AT_FDCWD, folder, O_DIRECTORY_CLOEXEC);
  if (folderFd < 0) return [];
  try {
    const bytes = Buffer.allocUnsafe(maxBytes);
    return names.flatMap((name) => {
      const content = readFileAt(folderFd, name, bytes);
      return content === null ? [] : [{ name, content }];
    });
  } finally {
    close(folderFd);
  }
}

function readFileAt(folderFd: number, name: string, bytes: Buffer): string | null {
  const fd = openat(folderFd, name, O_RDONLY_CLOEXEC);
  if (fd < 0) return null;
  const length = read(fd, bytes, bytes.length);
  close(fd);
  return length < 0 ? null : bytes.toString('latin1', 0, length).trim();
}
