import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Maximum number of files that are read. */
const maxFiles = 64;

interface KnownFile {
  mtimeMs: number;
  size: number;
  /** Types of the plugins by the name of the network. */
  networks: Map<string, string[]>;
}

const known = new Map<string, KnownFile>();

/**
 * Lists the types of all plugins of a network, as far as its configuration is in a folder: a plugin is not told what it is
 * chained with.
 */
export const listChainedPlugins = (network: string, folder: string): string[] =>
  listConfigurations(folder).flatMap((file) => readNetworks(file).get(network) ?? []);

function listConfigurations(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(conf|conflist|json)$/.test(name))
      .sort()
      .slice(0, maxFiles)
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function readNetworks(file: string): Map<string, string[]> {
  try {
    const { mtimeMs, size } = statSync(file);
    const found = known.get(file);
    if (found?.mtimeMs === mtimeMs && found.size === size) return found.networks;
    const networks = parseNetworks(readFileSync(file, 'utf8'));
    if (known.size >= maxFiles) known.clear();
    known.set(file, { mtimeMs, size, networks });
    return networks;
  } catch {
    return new Map();
  }
}

function parseNetworks(text: string): Map<string, string[]> {
  const value = JSON.parse(text) as { name?: unknown; type?: unknown; plugins?: { type?: unknown }[] };
  const types = (value.plugins ?? [value]).map(({ type }) => String(type));
  return new Map(typeof value.name === 'string' ? [[value.name, types]] : []);
}
