import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildSigner } from '../../contract/build.ts';
import { ProblemError } from '../../contract/problem.ts';

const keyFile = /^(?<name>[\w.-]{1,64})\.pem$/;

/** Trusted public ed25519 keys, read from the PEM files of a folder; builds must be signed with one of them. */
export class TrustedSigners {
  readonly #folder: string | null;

  /** Creates the set of trusted keys. @param folder folder of the PEM files; null to trust no key */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /**
   * Returns the trusted keys. The folder is read on every call, so that added and removed keys take effect at once.
   * @throws ProblemError `unprocessable` if the folder is unreadable or writable by others, or a file is no such key
   */
  list(): BuildSigner[] {
    return this.#keys().map(({ name, fingerprint }) => ({ name, fingerprint }));
  }

  /**
   * Returns the signer of a build; null if no trusted key made the signature.
   * @param digest the object's SHA-256, 32 bytes
   * @param signature ed25519, 64 bytes
   */
  signerOf(digest: Buffer, signature: Buffer): BuildSigner | null {
    const found = this.#keys().find(({ key }) => verify(null, digest, key, signature));
    return found ? { name: found.name, fingerprint: found.fingerprint } : null;
  }

  #keys(): (BuildSigner & { key: KeyObject })[] {
    const folder = this.#folder;
    if (folder === null) return [];
    return this.#read(folder, () => {
      if ((statSync(folder).mode & 0o022) !== 0)
        throw new Error('it is writable by others, so that anybody could add a key');
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
        hint: 'Put public ed25519 keys as NAME.pem into a folder that only root can write to.',
        cause: error,
      });
    }
  }
}

function readKey(file: string): Omit<BuildSigner, 'name'> & { key: KeyObject } {
  const text = readFileSync(file, 'utf8');
  if (text.includes('PRIVATE KEY')) throw new Error('it is a private key: only public keys belong here');
  const key = createPublicKey(text);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`it is a key of type ${key.asymmetricKeyType}, not ed25519`);
  const fingerprint = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return { key, fingerprint };
}
