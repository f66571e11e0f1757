import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256Schema } from '../../contract/build.ts';

const note = z.object({ signature: z.base64(), addedAt: z.iso.datetime(), addedBy: z.string() });

export interface StoredBuild extends z.infer<typeof note> {
  sha256: string;
  image: Buffer;
}

export const computeObjectDigest = (image: Buffer): Buffer => createHash('sha256').update(image).digest();

/**
 * Folder of the builds that were added. A build is an object `SHA256.bpf.o` and a note `SHA256.json` with its
 * signature. The note is written last, and an object without one is no build. An object whose hash differs from its
 * name is ignored.
 */
export class BuildFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Lists all stored builds, newest first. */
  list(): StoredBuild[] {
    return this.#names()
      .flatMap((name) => this.read(name) ?? [])
      .sort((a, b) => b.addedAt.localeCompare(a.addedAt));
  }

  /** Returns a stored build; null if it does not exist or is incomplete. */
  read(name: string): StoredBuild | null {
    try {
      const image = readFileSync(this.#object(name));
      if (computeObjectDigest(image).toString('hex') !== name) return null;
      return { sha256: name, image, ...note.parse(JSON.parse(readFileSync(this.#note(name), 'utf8'))) };
    } catch {
      return null;
    }
  }

  /** Stores the object file and the record of a build, or neither. @throws Error if a file cannot be written */
  write({ sha256: name, image, ...about }: StoredBuild): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(this.#object(name), image, { mode: 0o600, flush: true });
      writeFileSync(`${this.#note(name)}-new`, JSON.stringify(about), { mode: 0o600, flush: true });
      renameSync(`${this.#note(name)}-new`, this.#note(name));
    } catch (error) {
      rmSync(`${this.#note(name)}-new`, { force: true });
      this.remove(name);
      throw error;
    }
  }

  remove(name: string): void {
    rmSync(this.#note(name), { force: true });
    rmSync(this.#object(name), { force: true });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder)
        .map((file) => file.replace(/\.json$/, ''))
        .filter((name) => sha256Schema.safeParse(name).success);
    } catch {
      return [];
    }
  }

  #object = (name: string): string => join(this.#folder, `${name}.bpf.o`);
  #note = (name: string): string => join(this.#folder, `${name}.json`);
}
