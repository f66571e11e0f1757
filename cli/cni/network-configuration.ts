import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CniMode, podAnnotationsCapability } from '../../contract/cni-config.ts';
import { ProblemError } from '../../contract/problem.ts';
import { readFileIfThere } from './files.ts';

/** Type of Podlane's plugin, which is the name of its program. */
export const pluginType = 'podlane';
const defaultSocket = '/run/podlane/cni.sock';
/** Limits of what is read of a folder. */
const maxFiles = 256;
const maxBytes = 1 << 20;

/** A file with network configurations, as runtimes read it. */
export interface NetworkConfiguration {
  path: string;
  /** Name of the network; null if the file is malformed. */
  network: string | null;
  version: string | null;
  /** Types of the plugins in their order. */
  plugins: string[];
  /** Why the file cannot be read; null if it can. */
  fault: string | null;
}

/** Capabilities that Podlane's plugin declares: runtimes pass it these. Bandwidth is for the plugin of that name. */
const capabilities = {
  portMappings: true,
  ips: true,
  mac: true,
  aliases: true,
  [podAnnotationsCapability]: true,
};

export interface PluginOptions {
  socket: string | null;
  device: string | null;
  mtu: number | null;
  pool: readonly string[];
  ipam: object | null;
}

/** Lists the network configurations of a folder in the order in which runtimes take them. */
export async function listNetworkConfigurations(folder: string): Promise<NetworkConfiguration[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return Promise.all(
    names
      .filter((name) => /\.(conflist|conf|json)$/.test(name))
      .sort()
      .slice(0, maxFiles)
      .map((name) => readNetworkConfiguration(join(folder, name))),
  );
}

async function readNetworkConfiguration(path: string): Promise<NetworkConfiguration> {
  const broken = (fault: string): NetworkConfiguration => ({
    path,
    network: null,
    version: null,
    plugins: [],
    fault,
  });
  try {
    if ((await stat(path)).size > maxBytes) return broken(`has more than ${maxBytes} bytes`);
    const parsed = parseConfiguration(`${(await readFileIfThere(path))?.bytes ?? ''}`);
    const { name, cniVersion } = parsed;
    return {
      path,
      network: typeof name === 'string' ? name : null,
      version: typeof cniVersion === 'string' ? cniVersion : null,
      plugins: listPlugins(parsed).map(({ type }) => String(type)),
      fault: typeof name === 'string' ? null : 'has no name',
    };
  } catch (error) {
    return broken((error as Error).message);
  }
}

/** Builds the configuration of a network of Podlane's own. */
export const buildOwnNetwork = (name: string, version: string, options: PluginOptions): string =>
  formatConfiguration({
    cniVersion: version,
    name,
    plugins: [{ ...buildPlugin(options), capabilities }],
  });

/**
 * Adds Podlane's plugin to the end of another network's plugins.
 * @param text the other network's configuration
 * @throws ProblemError `unprocessable` if it is none, or has the plugin already
 */
export function chainPlugin(text: string, path: string, mode: CniMode, options: PluginOptions): string {
  const what = `chain the plugin in ${path}`;
  let parsed: Record<string, unknown>;
  try {
    parsed = parseConfiguration(text);
  } catch (error) {
    throw new ProblemError('unprocessable', `${what}: ${(error as Error).message}`);
  }
  const plugins = listPlugins(parsed);
  if (plugins.some(({ type }) => type === pluginType))
    throw new ProblemError(
      'unprocessable',
      `${what}: the plugin is there already, and not by podlane cni install`,
    );
  const own = {
    ...buildPlugin(options),
    mode,
    capabilities: { [podAnnotationsCapability]: true },
  };
  if (Array.isArray(parsed.plugins)) return formatConfiguration({ ...parsed, plugins: [...plugins, own] });
  const { cniVersion, name, ...only } = parsed;
  return formatConfiguration({
    ...(cniVersion === undefined ? {} : { cniVersion }),
    name,
    plugins: [only, own],
  });
}

function buildPlugin({ socket, device, mtu, pool, ipam }: PluginOptions): Record<string, unknown> {
  return {
    type: pluginType,
    ...(socket === null || socket === defaultSocket ? {} : { socket }),
    ...(device === null ? {} : { device }),
    ...(mtu === null ? {} : { mtu }),
    ...(pool.length === 0 ? {} : { pool }),
    ...(ipam === null ? {} : { ipam }),
  };
}

function parseConfiguration(text: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(text);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw new Error('is no JSON object');
  return parsed as Record<string, unknown>;
}

const listPlugins = (parsed: Record<string, unknown>): Record<string, unknown>[] =>
  (Array.isArray(parsed.plugins) ? parsed.plugins : [parsed]).filter(
    (each): each is Record<string, unknown> => each !== null && typeof each === 'object',
  );

const formatConfiguration = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
