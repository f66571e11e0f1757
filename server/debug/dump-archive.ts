import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, type Gzip } from 'node:zlib';
import { createTarPadding, encodeTarHeader, tarEndMarker } from './tar.ts';

/** Writes a dump as a .tar.gz archive of one folder, with at most one file in memory at a time. */
export class DebugDumpArchive {
  readonly #file: string;
  readonly #folder: string;
  readonly #gzip: Gzip = createGzip();
  readonly #hash = createHash('sha256');
  readonly #written: Promise<void>;
  #bytes = 0;
  /** True once this object has created the archive file, so that `abort` may delete it. */
  #made = false;

  /** Creates the archive file, which must not exist yet, readable by its owner only. */
  constructor(file: string, folder: string) {
    this.#file = file;
    this.#folder = folder;
    const counted = new PassThrough();
    counted.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#hash.update(chunk);
    });
    const sink = createWriteStream(file, { flags: 'wx', mode: 0o600 }).once('open', () => {
      this.#made = true;
    });
    this.#written = pipeline(this.#gzip, counted, sink);
    // `add` and `finish` throw the error; `abort` ignores it.
    this.#written.catch(() => {});
    this.#gzip.write(encodeTarHeader({ path: `${folder}/`, bytes: 0, mode: 0o755, modified: new Date() }));
  }

  /**
   * Adds a file to the archive.
   * @param path path below the archive's folder
   * @throws Error if the archive cannot be written
   */
  async add(path: string, content: Buffer, modified: Date): Promise<void> {
    const entry = { path: `${this.#folder}/${path}`, bytes: content.length, mode: 0o644, modified };
    for (const chunk of [encodeTarHeader(entry), content, createTarPadding(content.length)]) {
      if (chunk.length === 0 || this.#gzip.write(chunk)) continue;
      await Promise.race([once(this.#gzip, 'drain'), this.#written]);
    }
  }

  /** Completes the archive. @throws Error if the archive cannot be written; the incomplete file is deleted */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    this.#gzip.end(tarEndMarker);
    try {
      await this.#written;
    } catch (error) {
      await this.abort();
      throw error;
    }
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Stops writing and deletes the incomplete dump archive. */
  async abort(): Promise<void> {
    this.#gzip.destroy();
    await this.#written.catch(() => {});
    if (this.#made) await rm(this.#file, { force: true });
  }
}
