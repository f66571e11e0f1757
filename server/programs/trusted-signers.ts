import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Signer } from '../../contract/build.ts';
import { ProblemError } from '../../contract/problem.ts';

const keyFile = /^(?<name>[\w.-]{1,64})\.pem$/;

/** Keys whose signature makes a build one that this node may run: public ed25519 keys in PEM files of a folder. */
export class TrustedSigners {
  readonly #folder: string | null;

  /** @param folder null: none are trusted */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /**
   * Read anew each time, so that a key counts from when its file is there until it is gone.
   * @throws ProblemError `unprocessable`: the folder cannot be read, others may write to it, or a file is no such key
   */
  list(): Signer[] {
    return this.#keys().map(({ name, fingerprint }) => ({ name, fingerprint }));
  }

  /**
   * Whose signature this is, null when it is of none of them.
   * @param digest the object's SHA-256, 32 bytes
   * @param signature ed25519, 64 bytes
   */
  signerOf(digest: Buffer, signature: Buffer): Signer | null {
    const found = this.#keys().find(({ key }) => verify(null, digest, key, signature));
    return found ? { name: found.name, fingerprint: found.fingerprint } : null;
  }

  #keys(): (Signer & { key: KeyObject })[] {
    const folder = this.#folder;
    if (folder === null) return [];
    return this.#read(folder, () => {
      if ((statSync(folder).mode & 0o022) !== 0)
        throw new Error('others may write to it, so that anybody could add a key');
      return readdirSync(folder)
        .sort()
        .flatMap((file) => {
          const name = keyFile.exec(file)?.groups?.name;
          return name === undefined ? [] : [{ name, ...this.#read(join(folder, file), readKey) }];
        });
    });
  }

  #read<T>(path: string, read: (path: string) => T): T {
    try {
      return read(path);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw new ProblemError('unprocessable', `read the trusted keys, ${path}: ${(error as Error).message}`, {
        hint: 'It takes public ed25519 keys in PEM files NAME.pem, in a folder that only root writes to.',
        cause: error,
      });
    }
  }
}

function readKey(file: string): Omit<Signer, 'name'> & { key: KeyObject } {
  const text = readFileSync(file, 'utf8');
  if (text.includes('PRIVATE KEY')) throw new Error('it is a private key, which does not belong here');
  const key = createPublicKey(text);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${key.asymmetricKeyType}`);
  const fingerprint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return { key, fingerprint };
}
