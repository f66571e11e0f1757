import { readFileSync } from 'node:fs';

export const committedObject = new URL('../../bpf/objects/datapath.bpf.o', import.meta.url);

/** The same programs in an object of other bytes: what follows the ELF's content is not read. */
export const anotherBuild = (mark = 'another build'): Buffer =>
  Buffer.concat([readFileSync(committedObject), Buffer.from(mark)]);

/** The committed object with one name in it changed, everywhere. */
export function renamed(from: string, to: string): Buffer {
  if (from.length !== to.length) throw new RangeError('names of one length');
  const text = readFileSync(committedObject).toString('latin1');
  return Buffer.from(text.replaceAll(from, to), 'latin1');
}
