import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CniMode, cniModes, isCniName } from '../../contract/cni-config.ts';
import { cniVersions } from '../../contract/cni-version.ts';
import { deviceKindSchema } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { CommandInvocation, CommandOption } from '../command.ts';
import { checkPool } from './check-pool.ts';
import { readFileIfThere } from './files.ts';
import { readInstallation, readOriginal, type WantedFile } from './installation.ts';
import {
  buildOwnNetwork,
  chainPlugin,
  listNetworkConfigurations,
  type PluginOptions,
  pluginType,
} from './network-configuration.ts';

/** Folders where runtimes look for plugins and configurations by default. */
export const defaultFolders = { plugins: '/opt/cni/bin', configurations: '/etc/cni/net.d' } as const;

/** The plugin as set-up builds it. */
export const builtPlugin = fileURLToPath(new URL('../../.cache/cni/podlane', import.meta.url));

/** Options of all commands about the installation. */
export const folderOptions: Readonly<Record<string, CommandOption>> = {
  'bin-dir': { value: 'DIR', summary: `folder of the runtime’s CNI plugins [${defaultFolders.plugins}]` },
  'conf-dir': {
    value: 'DIR',
    summary: `folder of the runtime’s CNI configurations [${defaultFolders.configurations}]`,
  },
};

export const installOptions: Readonly<Record<string, CommandOption>> = {
  ...folderOptions,
  network: { value: 'NAME', summary: 'name of Podlane’s network [podlane]' },
  pool: { value: 'PREFIX', repeatable: true, summary: 'prefix that the agent gives out addresses of' },
  ipam: { value: 'JSON', summary: 'IPAM plugin to ask instead, such as {"type":"host-local",…}' },
  first: { summary: 'sort before every other network, so that runtimes use it for new containers' },
  chain: { value: 'NETWORK', summary: 'add the plugin to the end of this network instead' },
  mode: { value: 'MODE', summary: 'what a chained plugin does: observe or convert [observe]' },
  device: { value: 'KIND', summary: 'netkit or veth, unless the node’s policy says otherwise' },
  mtu: { value: 'BYTES', summary: 'MTU of the containers’ interface [1500]' },
  'cni-version': { value: 'VERSION', summary: 'version of the network’s configuration [1.0.0]' },
  'cni-socket': { value: 'PATH', summary: 'the agent’s socket for the plugin [/run/podlane/cni.sock]' },
  plugin: { value: 'FILE', summary: 'the program to install as podlane [as set-up built it]' },
  replace: { summary: 'take over files that are in the way; they are kept and given back' },
};

/** Number that the name of Podlane's configuration begins with: runtimes use the one that sorts first. */
const prefixes = { last: '99', first: '00' } as const;
const defaultVersion = '1.0.0';

export interface InstallationPlan {
  configFolder: string;
  files: WantedFile[];
}

/** Plans the installation that a command asks for. Changes nothing. @throws ProblemError `bad_request`, `not_found` */
export async function planInstallation(invocation: CommandInvocation): Promise<InstallationPlan> {
  const { plugins, configurations: configFolder } = readFolders(invocation);
  const bytes = (await readFileIfThere(readPluginPath(invocation)))?.bytes;
  if (bytes === undefined)
    throw new ProblemError('not_found', `there is no CNI plugin at ${readPluginPath(invocation)}`, {
      hint: 'build it: npm run build',
    });
  const plugin: WantedFile = { path: join(plugins, pluginType), content: { bytes, mode: 0o755 } };
  const chained = invocation.option('chain');
  const network =
    chained === undefined
      ? await planOwnNetwork(invocation, configFolder)
      : await planChainedPlugin(invocation, configFolder, chained);
  return { configFolder, files: [plugin, ...network] };
}

/** Reads the folders of an installation. @throws ProblemError `bad_request` */
export function readFolders({ option }: Pick<CommandInvocation, 'option'>): {
  plugins: string;
  configurations: string;
} {
  const read = (name: string, preset: string): string => {
    const folder = option(name) ?? preset;
    if (!isAbsolute(folder))
      throw new ProblemError('bad_request', `--${name} ${folder}: is no absolute path`);
    return folder;
  };
  return {
    plugins: read('bin-dir', defaultFolders.plugins),
    configurations: read('conf-dir', defaultFolders.configurations),
  };
}

export const readPluginPath = ({ option }: Pick<CommandInvocation, 'option'>): string =>
  option('plugin') ?? builtPlugin;

async function planOwnNetwork(invocation: CommandInvocation, folder: string): Promise<WantedFile[]> {
  const name = invocation.option('network') ?? 'podlane';
  if (!isCniName(name))
    throw new ProblemError('bad_request', `--network ${name}: is no name of a CNI network`);
  if (invocation.option('mode') !== undefined)
    throw new ProblemError(
      'bad_request',
      '--mode is for a plugin that is added to another network with --chain',
    );
  const options = readPluginOptions(invocation);
  if (options.pool.length === 0 && options.ipam === null)
    throw new ProblemError('bad_request', 'where the addresses of containers come from is not said', {
      hint: 'give --pool PREFIX, for example --pool 10.244.0.0/24, or --ipam JSON',
    });
  if (options.pool.length > 0 && options.ipam !== null)
    throw new ProblemError('bad_request', '--ipam excludes --pool: choose one of them');
  await checkPool(options.pool);
  const version = readVersion(invocation);
  const path = join(folder, `${invocation.flag('first') ? prefixes.first : prefixes.last}-${name}.conflist`);
  await refuseTakenName(folder, name, path);
  return [{ path, content: toContent(buildOwnNetwork(name, version, options)) }];
}

/** Refuses a network whose name a configuration of others has: runtimes would mix them up. */
async function refuseTakenName(folder: string, name: string, own: string): Promise<void> {
  const installed = (await readInstallation(folder))?.files ?? [];
  const taken = (await listNetworkConfigurations(folder)).find(
    ({ network, path }) => network === name && path !== own && !installed.some((file) => file.path === path),
  );
  if (taken !== undefined)
    throw new ProblemError('cni_conflict', `${taken.path} has a network ${name}`, {
      hint: 'choose another name with --network, or add the plugin to that network with --chain',
    });
}

async function planChainedPlugin(
  invocation: CommandInvocation,
  folder: string,
  network: string,
): Promise<WantedFile[]> {
  const mode = invocation.option('mode') ?? 'observe';
  if (mode === 'attach' || !cniModes.includes(mode as CniMode))
    throw new ProblemError('bad_request', `--mode ${mode}: not observe or convert`);
  const options = readPluginOptions(invocation);
  for (const name of ['pool', 'ipam', 'network', 'first', 'cni-version'])
    if (invocation.flag(name) || invocation.options(name).length > 0 || invocation.option(name) !== undefined)
      throw new ProblemError('bad_request', `--${name} is for a network of Podlane’s own, not with --chain`);
  const installation = await readInstallation(folder);
  // What an earlier installation made of a configuration is made anew of what that was.
  const changed = (installation?.files ?? [])
    .map(({ path }) => path)
    .filter((path) => path.startsWith(folder));
  const present = (await listNetworkConfigurations(folder)).map(({ path }) => path);
  for (const source of new Set([...changed, ...present])) {
    const original = await readOriginal(source, installation);
    if (original === null) continue;
    if (!hasNetwork(original.bytes.toString(), network)) continue;
    const content = toContent(
      chainPlugin(original.bytes.toString(), source, mode as CniMode, options),
      original.mode,
    );
    if (source.endsWith('.conflist')) return [{ path: source, content, changesOther: true }];
    // Runtimes read a list of plugins from a file of this kind only.
    return [
      { path: source.replace(/\.[^.]+$/, '.conflist'), content },
      { path: source, content: null, changesOther: true },
    ];
  }
  throw new ProblemError('not_found', `${folder} has no network ${network}`, {
    hint: 'podlane cni status lists the networks',
  });
}

function hasNetwork(text: string, network: string): boolean {
  try {
    return (JSON.parse(text) as { name?: unknown } | null)?.name === network;
  } catch {
    return false;
  }
}

function readPluginOptions({ option, options, number }: CommandInvocation): PluginOptions {
  const device = option('device') ?? null;
  if (device !== null && !deviceKindSchema.safeParse(device).success)
    throw new ProblemError('bad_request', `--device ${device}: not netkit or veth`);
  const socket = option('cni-socket') ?? null;
  if (socket !== null && (!isAbsolute(socket) || Buffer.byteLength(socket) > 107))
    throw new ProblemError('bad_request', `--cni-socket ${socket}: is no absolute path of up to 107 bytes`);
  const mtu = number('mtu') ?? null;
  if (mtu !== null && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535))
    throw new ProblemError('bad_request', `--mtu ${mtu}: not between 68 and 65535`);
  return { socket, device, mtu, pool: options('pool'), ipam: parseIpam(option('ipam')) };
}

function parseIpam(text: string | undefined): object | null {
  if (text === undefined) return null;
  const hint = 'for example {"type":"host-local","ranges":[[{"subnet":"10.244.0.0/24"}]]}';
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed !== null && typeof parsed === 'object' && 'type' in parsed && typeof parsed.type === 'string')
      return parsed;
  } catch (error) {
    throw new ProblemError('bad_request', `--ipam: ${(error as Error).message}`, { hint });
  }
  throw new ProblemError('bad_request', '--ipam: has no type', { hint });
}

function readVersion({ option }: CommandInvocation): string {
  const version = option('cni-version') ?? defaultVersion;
  if (cniVersions.some((each) => each === version)) return version;
  throw new ProblemError('bad_request', `--cni-version ${version}: not one of ${cniVersions.join(', ')}`);
}

const toContent = (text: string, mode = 0o644): NonNullable<WantedFile['content']> => ({
  bytes: Buffer.from(text),
  mode,
});
