import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readBpfObjectInfo } from '../../bpf/bpf-object-info.ts';
import { openPinnedObject } from '../../bpf/pin.ts';
import type { NodeScan } from './node-scan.ts';

const mostPins = 20_000;
const deepest = 16;
const kinds = { 'bpf-prog': 'program', 'bpf-map': 'map', bpf_link: 'link', 'bpf-link': 'link' } as const;

/** Lists the BPF objects pinned in all bpf file systems of this mount namespace. */
export function listPinnedObjects(unread: string[]): NodeScan['pins'] {
  const pins: NodeScan['pins'] = [];
  const roots = findMountPoints('bpf');
  let seen = 0;
  const walk = (directory: string, depth: number): void => {
    if (depth > deepest) {
      unread.push(`pins below ${directory}: deeper than ${deepest}`);
      return;
    }
    for (const entry of entriesOf(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) walk(path, depth + 1);
      else if (entry.isFile()) {
        seen += 1;
        const found = seen > mostPins ? null : pinned(path);
        if (found) pins.push({ ...found, path });
      }
    }
  };
  for (const root of roots) walk(root, 0);
  if (seen > mostPins) unread.push(`${seen - mostPins} of ${seen} pins: more than ${mostPins}`);
  return pins;
}

/** Returns one mount point of each file system of the given type, from /proc/PID/mountinfo. */
export function findMountPoints(type: string): string[] {
  const places = new Map<string, string>();
  for (const line of readFileSync('/proc/thread-self/mountinfo', 'utf8').split('\n')) {
    const [, , device = '', root, place = ''] = line.split(' ');
    if (root === '/' && line.split(' - ')[1]?.startsWith(`${type} `) && !places.has(device))
      places.set(
        device,
        place.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
      );
  }
  return [...places.values()];
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // removed
  }
}

/** Returns the kind and id of a pinned BPF object. The kernel's info structs all have the id at offset 4. */
function pinned(path: string): { kind: NodeScan['pins'][number]['kind']; id: number } | null {
  try {
    const fd = openPinnedObject(path);
    if (fd === null) return null;
    try {
      const name = readlinkSync(`/proc/thread-self/fd/${fd}`).replace(/^anon_inode:\[?(.*?)\]?$/, '$1');
      const kind = kinds[name as keyof typeof kinds];
      return kind === undefined
        ? null
        : { kind, id: readBpfObjectInfo(path, fd, Buffer.alloc(16)).readUInt32LE(4) };
    } finally {
      closeSync(fd);
    }
  } catch {
    return null; // another kind of object, or removed
  }
}
