import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../../contract/build.ts';

const note = z.object({ signature: z.base64(), addedAt: z.iso.datetime(), addedBy: z.string() });

export interface StoredBuild extends z.infer<typeof note> {
  sha256: string;
  image: Buffer;
}

export const objectDigest = (image: Buffer): Buffer => createHash('sha256').update(image).digest();

/**
 * Builds that were added, in a folder: `SHA256.bpf.o` and beside it `SHA256.json` with its signature, which is written
 * last: without it there is no build. What does not hash to its name is not read.
 */
export class BuildFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The newest first. */
  list(): StoredBuild[] {
    return this.#names()
      .flatMap((name) => this.read(name) ?? [])
      .sort((a, b) => b.addedAt.localeCompare(a.addedAt));
  }

  /** Null where there is none of this name, or its files are not whole. */
  read(name: string): StoredBuild | null {
    try {
      const image = readFileSync(this.#object(name));
      if (objectDigest(image).toString('hex') !== name) return null;
      return { sha256: name, image, ...note.parse(JSON.parse(readFileSync(this.#note(name), 'utf8'))) };
    } catch {
      return null;
    }
  }

  /** @throws Error of the file system; then there is nothing of it */
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
        .filter((name) => sha256.safeParse(name).success);
    } catch {
      return [];
    }
  }

  #object = (name: string): string => join(this.#folder, `${name}.bpf.o`);
  #note = (name: string): string => join(this.#folder, `${name}.json`);
}
