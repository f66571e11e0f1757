import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type CniCall, encodeCniCall, parseCniCall } from './cni-call.ts';

/** Maximum number of calls that are read at once. */
const maxRead = 10_000;

/** A deletion that is not done yet, by the name of its file. */
export interface PendingDeletion {
  name: string;
  call: CniCall;
}

/**
 * Returns the key of a container's interface, which is the name of its file, as the plugin writes it. Names of networks and
 * containers have no `+`.
 */
export const containerKey = (network: string, containerId: string, name: string): string =>
  `${network}+${containerId}+${name}`;

/**
 * Deletions that have to be done, as files beside the CNI socket: the plugin leaves there what nobody answered, and the agent
 * what it still has to get back from an IPAM plugin. A file is there before anything that has to be given back, and until it
 * was given back: whoever is killed in between, the next agent goes on.
 */
export class PendingDeletions {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Number of deletions that are left. */
  get size(): number {
    return this.#names().length;
  }

  add(name: string, call: Pick<CniCall, 'environment' | 'config'>): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.#folder, `.${process.pid}-${name}`.slice(0, 250));
    writeFileSync(
      temporary,
      encodeCniCall({ ...call, environment: { ...call.environment, CNI_COMMAND: 'DEL' } }),
      { mode: 0o600 },
    );
    renameSync(temporary, join(this.#folder, name));
  }

  remove(name: string): void {
    rmSync(join(this.#folder, name), { force: true });
  }

  /** Reads all deletions. Files that are none are removed and logged. */
  list(): PendingDeletion[] {
    return this.#names()
      .slice(0, maxRead)
      .flatMap((name) => {
        try {
          return { name, call: parseCniCall(readFileSync(join(this.#folder, name))) };
        } catch (err) {
          if ((err as NodeJS.ErrnoException).code === 'ENOENT') return [];
          this.#log.warn({ err, name }, 'a deletion that was left for the agent cannot be read');
          this.remove(name);
          return [];
        }
      });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => !name.startsWith('.'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}
