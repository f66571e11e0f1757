import { closeSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readBpfObjectInfo } from '../../bpf/bpf-object-info.ts';
import { openPinnedObject } from '../../bpf/pin.ts';
import type { NodeScan } from './node-scan.ts';

const mostPins = 20_000;
const deepest = 16;
const kinds = { 'bpf-prog': 'program', 'bpf-map': 'map', bpf_link: 'link', 'bpf-link': 'link' } as const;

type PinnedObject = Omit<NodeScan['pins'][number], 'path'>;
interface Pin {
  /** Device, inode and time of change: the kernel gives no two pins the same. */
  inode: string;
  /** Null for a pin of another kind of object. */
  object: PinnedObject | null;
}

/** The pins of BPF objects. Each object is read once. */
export class PinnedObjects {
  #known = new Map<string, Pin>();

  /** Lists the BPF objects pinned in all bpf file systems of this mount namespace. */
  list(unread: string[]): NodeScan['pins'] {
    const pins: NodeScan['pins'] = [];
    const seen = new Map<string, Pin>();
    const walk = (directory: string, depth: number): void => {
      if (depth > deepest) {
        unread.push(`pins below ${directory}: deeper than ${deepest}`);
        return;
      }
      for (const entry of entriesOf(directory)) {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) walk(path, depth + 1);
        else if (entry.isFile()) {
          const pin = seen.size < mostPins ? this.#read(path) : null;
          seen.set(path, pin ?? { inode: '', object: null });
          if (pin?.object) pins.push({ ...pin.object, path });
        }
      }
    };
    for (const root of findMountPoints('bpf')) walk(root, 0);
    if (seen.size > mostPins)
      unread.push(`${seen.size - mostPins} of ${seen.size} pins: more than ${mostPins}`);
    this.#known = seen;
    return pins;
  }

  #read(path: string): Pin | null {
    try {
      const { dev, ino, ctimeMs } = statSync(path);
      const inode = `${dev} ${ino} ${ctimeMs}`;
      const known = this.#known.get(path);
      return known?.inode === inode ? known : { inode, object: readPinnedObject(path) };
    } catch {
      return null; // removed
    }
  }
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
function readPinnedObject(path: string): PinnedObject | null {
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
