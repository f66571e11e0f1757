import type { ValuePath } from './located-document.ts';

/** A list or mapping that was read. */
export type Container = unknown[] | Record<string, unknown>;

/** Where the members of a container begin. */
interface Members {
  lines: number[];
  /** Keys of a mapping in their order in the text; empty for a list. */
  keys: string[];
  /** Lines by key, made when they are first asked for. */
  byKey: Map<string, number> | null;
}

/** Lines, from 1, on which the members of the containers of a document begin. */
export class PlainYamlPlaces {
  readonly #members = new Map<Container, Members>();
  #root: Container | null = null;

  /** Adds a container; the first one is the root. */
  add(container: Container): void {
    this.#root ??= container;
    this.#members.set(container, { lines: [], keys: [], byKey: null });
  }

  addItem(list: unknown[], line: number): void {
    this.#members.get(list)?.lines.push(line);
  }

  addKey(mapping: Record<string, unknown>, key: string, line: number): void {
    const members = this.#members.get(mapping);
    members?.lines.push(line);
    members?.keys.push(key);
  }

  /** Returns the line of the value at a path, or of its deepest ancestor; null if that is the root. */
  lineOf(path: ValuePath): number | null {
    let line: number | null = null;
    let value: unknown = this.#root;
    for (const key of path) {
      const members = this.#members.get(value as Container);
      const found = members && findLine(members, value as Container, key);
      if (found === undefined) break;
      line = found;
      value = (value as Record<PropertyKey, unknown>)[key];
    }
    return line;
  }
}

function findLine(members: Members, container: Container, key: PropertyKey): number | undefined {
  if (Array.isArray(container)) return members.lines[Number(key)];
  members.byKey ??= new Map(members.keys.map((each, index) => [each, members.lines[index] as number]));
  return members.byKey.get(String(key));
}
