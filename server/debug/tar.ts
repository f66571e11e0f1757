const blockBytes = 512;
const nameBytes = 100;
const prefixBytes = 155;

export interface TarEntry {
  /** Relative path of the entry; the path of a folder ends with `/`. */
  path: string;
  bytes: number;
  /** Permission bits of the entry's mode. */
  mode: number;
  modified: Date;
}

/**
 * Encodes the header of a file or folder in the ustar format of POSIX.1 (pax, “ustar Interchange Format”): name 0, mode
 * 100, uid 108, gid 116, size 124, mtime 136, checksum 148, type 156, magic and version 257, prefix 345; numbers octal.
 * @throws RangeError if the path is too long
 */
export function encodeTarHeader({ path, bytes, mode, modified }: TarEntry): Buffer {
  const { name, prefix } = splitPath(path);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  header.write(name, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes, 124, 12);
  octal(Math.floor(modified.getTime() / 1000), 136, 12);
  header.write(path.endsWith('/') ? '5' : '0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345);
  // The checksum is computed with its own field filled with spaces.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Returns the zero bytes that pad a file of the given size to a full tar block. */
export const createTarPadding = (bytes: number): Buffer =>
  Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);

/** End-of-archive marker of tar: two zero blocks. */
export const tarEndMarker: Buffer = Buffer.alloc(2 * blockBytes);

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= nameBytes) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const name = path.slice(slash + 1);
    if (name === '' || Buffer.byteLength(name) > nameBytes) continue;
    const prefix = path.slice(0, slash);
    if (Buffer.byteLength(prefix) <= prefixBytes) return { name, prefix };
  }
  throw new RangeError(`${path}: too long for a tar header`);
}
