import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dump, dump } from '../../contract/dump.ts';

/** The folder of done dumps: of each the archive, and beside it what is told of it. */
export class SavedDumps {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  archive = (id: string): string => join(this.#folder, `${id}.tar.gz`);
  /** Where an archive is while it grows. */
  partial = (id: string): string => `${this.archive(id)}.part`;

  /** Puts a grown archive among the others. @throws what the file system answered */
  save(done: Dump): void {
    renameSync(this.partial(done.id), this.archive(done.id));
    writeFileSync(this.#record(done.id), JSON.stringify(done), { mode: 0o600 });
  }

  remove(id: string): void {
    for (const file of [this.archive(id), this.partial(id), this.#record(id)]) rmSync(file, { force: true });
  }

  /** What is there, the newest first. What an agent left half made, or cannot be read, is deleted. */
  load(): Dump[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return []; // none was ever made
    }
    const ids = new Set(names.map((name) => /^([\w-]+)\.(json|tar\.gz|tar\.gz\.part)$/.exec(name)?.[1]));
    const found: Dump[] = [];
    for (const id of ids) {
      if (id === undefined) continue;
      const record = names.includes(`${id}.tar.gz`) ? this.#read(id) : null;
      if (record) found.push(record);
      else this.remove(id);
    }
    return found.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  }

  #record = (id: string): string => join(this.#folder, `${id}.json`);

  #read(id: string): Dump | null {
    try {
      return dump.parse(JSON.parse(readFileSync(this.#record(id), 'utf8')));
    } catch {
      return null;
    }
  }
}
