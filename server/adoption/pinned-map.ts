import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { openPinnedObject } from '../bpf/pin.ts';

/** Runs `use` with a temporary descriptor of a pinned map. @returns null if there is no such pin */
export function withPinnedMap<T>(pins: string, name: string, use: (fd: number) => T): T | null {
  const fd = openPinnedObject(join(pins, 'maps', name));
  if (fd === null) return null;
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
