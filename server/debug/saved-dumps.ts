import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DebugDump, debugDumpSchema } from '../../contract/debug-dump.ts';

/** Folder of finished dumps, with an archive and a JSON record for each dump. */
export class SavedDebugDumpArchives {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  archive = (id: string): string => join(this.#folder, `${id}.tar.gz`);
  /** Returns the path that a dump's archive has while it is being written. */
  partial = (id: string): string => `${this.archive(id)}.part`;

  /** Moves a complete archive to its final path and writes its record. @throws Error if a file cannot be written */
  save(done: DebugDump): void {
    renameSync(this.partial(done.id), this.archive(done.id));
    writeFileSync(this.#record(done.id), JSON.stringify(done), { mode: 0o600 });
  }

  remove(id: string): void {
    for (const file of [this.archive(id), this.partial(id), this.#record(id)]) rmSync(file, { force: true });
  }

  /** Lists the dumps in the folder, newest first, and deletes incomplete or unreadable ones. */
  load(): DebugDump[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return []; // no dump was ever saved
    }
    const ids = new Set(names.map((name) => /^([\w-]+)\.(json|tar\.gz|tar\.gz\.part)$/.exec(name)?.[1]));
    const found: DebugDump[] = [];
    for (const id of ids) {
      if (id === undefined) continue;
      const record = names.includes(`${id}.tar.gz`) ? this.#read(id) : null;
      if (record) found.push(record);
      else this.remove(id);
    }
    return found.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
  }

  #record = (id: string): string => join(this.#folder, `${id}.json`);

  #read(id: string): DebugDump | null {
    try {
      return debugDumpSchema.parse(JSON.parse(readFileSync(this.#record(id), 'utf8')));
    } catch {
      return null;
    }
  }
}
