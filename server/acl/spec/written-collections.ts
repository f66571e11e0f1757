import type { Container } from './plain-yaml-places.ts';

/** Where a member of a collection is written: offsets in the text. */
export interface WrittenMember {
  /** Its dash or key; in a list in flow style its value. */
  start: number;
  /** Its value, and blanks before that in a mapping in block style. */
  valueStart: number;
  /** Behind its value; in block style at the end of that line, behind a comment. */
  end: number;
}

/** Where a list or mapping is written. */
export interface WrittenCollection {
  style: 'block' | 'flow';
  /** Offset of its bracket, or of its first member in block style. */
  start: number;
  /** Offset behind its closing bracket; 0 in block style. */
  end: number;
  members: WrittenMember[];
  /** Keys of a mapping in the order of `members`; empty for a list. */
  keys: string[];
}

/** Depth down to which collections are noted: those that are members of the root. */
const maxDepth = 2;

/** Where the collections of a document are written, down to the members of its root. */
export class WrittenCollections {
  readonly #found = new Map<unknown, WrittenCollection>();

  /** Notes a collection, unless it is too deep. */
  add(
    container: Container,
    depth: number,
    { style, start }: Pick<WrittenCollection, 'style' | 'start'>,
  ): WrittenCollection | null {
    if (depth > maxDepth) return null;
    const written: WrittenCollection = { style, start, end: 0, members: [], keys: [] };
    this.#found.set(container, written);
    return written;
  }

  /** Returns where a collection of the document is written. */
  of(container: unknown): WrittenCollection | undefined {
    return this.#found.get(container);
  }
}

/** Adds a member to a collection that is noted. */
export function addWrittenMember(
  written: WrittenCollection | null,
  start: number,
  valueStart: number,
  end: number,
  key?: string,
): void {
  if (written === null) return;
  written.members.push({ start, valueStart, end });
  if (key !== undefined) written.keys.push(key);
}

/** Returns the member of a mapping with a key. */
export const findWrittenMember = ({ keys, members }: WrittenCollection, key: string): WrittenMember | null =>
  members[keys.indexOf(key)] ?? null;
