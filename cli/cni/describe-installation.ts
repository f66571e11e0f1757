import { join } from 'node:path';
import { hashBytes, readFileIfThere } from './files.ts';
import { isUnchanged, readInstallation } from './installation.ts';
import { listNetworkConfigurations, type NetworkConfiguration, pluginType } from './network-configuration.ts';
import { builtPlugin } from './plan-installation.ts';

/** What is installed of CNI on a node, as far as its files tell. */
export interface InstallationState {
  /** Folder of the configurations. */
  folder: string;
  plugin: {
    path: string;
    state: 'as this version has it' | 'of another version' | 'missing';
  };
  /** Files that `podlane cni install` wrote or removed. */
  files: { path: string; kept: string | null; state: 'as installed' | 'changed since' }[];
  /** Networks in the order in which runtimes take them. */
  networks: NetworkConfiguration[];
}

/** Describes what is installed. @param plugins folder of the plugins @param folder folder of the configurations */
export async function describeInstallation(plugins: string, folder: string): Promise<InstallationState> {
  const path = join(plugins, pluginType);
  const [present, built, installation, networks] = await Promise.all([
    readFileIfThere(path),
    readFileIfThere(builtPlugin),
    readInstallation(folder),
    listNetworkConfigurations(folder),
  ]);
  const isBuilt = present !== null && built !== null && hashBytes(present.bytes) === hashBytes(built.bytes);
  return {
    folder,
    plugin: {
      path,
      state: present === null ? 'missing' : isBuilt ? 'as this version has it' : 'of another version',
    },
    files: await Promise.all(
      (installation?.files ?? []).map(async (file) => ({
        path: file.path,
        kept: file.kept,
        state: (await isUnchanged(file)) ? ('as installed' as const) : ('changed since' as const),
      })),
    ),
    networks,
  };
}
