import type { CniStatus } from '../../contract/container.ts';
import { ProblemError } from '../../contract/problem.ts';
import { describeInstallation, type InstallationState } from '../cni/describe-installation.ts';
import { type FileChange, installFiles, uninstallFiles } from '../cni/installation.ts';
import { folderOptions, installOptions, planInstallation, readFolders } from '../cni/plan-installation.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

export const cniInstallCommand: CliCommand = {
  name: 'cni install',
  parameters: [],
  summary: 'installs the CNI plugin and a network for container runtimes',
  details: `Runtimes use the network that sorts first: Podlane's sorts last unless --first is given, and is used where a runtime
names it. With --chain the plugin is added to a network of others: to observe its containers, or, with --mode convert,
to replace their devices by Podlane's. What was there is kept and given back by podlane cni uninstall.`,
  options: installOptions,
  async run(invocation) {
    const { configFolder, files } = await planInstallation(invocation);
    const changes = await installFiles(configFolder, files, { replace: invocation.flag('replace') });
    printResult(invocation, { changes }, () => formatChanges(changes));
  },
};

export const cniUninstallCommand: CliCommand = {
  name: 'cni uninstall',
  parameters: [],
  summary: 'removes the CNI plugin and gives back what was there before',
  details: 'Refused while containers are attached, since their runtime needs the plugin to remove them',
  options: {
    ...folderOptions,
    force: { summary: 'although containers are attached, or no agent tells whether any are' },
  },
  async run(invocation) {
    const { configurations } = readFolders(invocation);
    if (!invocation.flag('force')) await refuseWhileInUse(invocation);
    const changes = await uninstallFiles(configurations);
    printResult(invocation, { changes }, () =>
      changes.length === 0 ? 'nothing is installed' : formatChanges(changes),
    );
  },
};

export const cniStatusCommand: CliCommand = {
  name: 'cni status',
  parameters: [],
  summary: 'shows what is installed, which networks runtimes find, and the agent’s containers',
  options: folderOptions,
  async run(invocation) {
    const { plugins, configurations } = readFolders(invocation);
    const installation = await describeInstallation(plugins, configurations);
    const agent = await askAgent(invocation);
    printResult(invocation, { ...installation, agent }, () => formatStatus(installation, agent));
  },
};

async function refuseWhileInUse({ agent, signal }: CommandInvocation): Promise<void> {
  const { containers } = await agent.request<CniStatus>('GET', '/cni', { signal }).catch((error: unknown) => {
    if (!(error instanceof ProblemError && error.code === 'agent_unreachable')) throw error;
    throw new ProblemError(
      'agent_unreachable',
      `whether containers are attached is not known: ${error.message}`,
      {
        cause: error,
        hint: 'start the agent, or give --force',
      },
    );
  });
  if (containers > 0)
    throw new ProblemError(
      'cni_in_use',
      `${containers} ${containers === 1 ? 'container is' : 'containers are'} attached`,
      {
        hint: 'remove them by their runtime first, or give --force',
      },
    );
}

/** Asks the agent for its state of CNI. @returns null if no agent answers */
export async function askAgent({ agent, signal }: CommandInvocation): Promise<CniStatus | null> {
  try {
    return await agent.request<CniStatus>('GET', '/cni', { signal });
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'agent_unreachable') return null;
    throw error;
  }
}

const formatChanges = (changes: readonly FileChange[]): string =>
  formatTextTable(
    ['FILE', 'CHANGE', 'KEPT AS'],
    changes.map(({ path, change, kept }) => [path, change, kept ?? '-']),
  );

const formatStatus = (installation: InstallationState, agent: CniStatus | null): string =>
  [
    formatFieldLines({
      plugin: `${installation.plugin.path}: ${installation.plugin.state}`,
      installed: installation.files.length === 0 ? 'nothing' : `${installation.files.length} files`,
      agent: agent === null ? 'does not answer' : `listens at ${agent.socket}`,
      ...(agent && {
        containers: agent.containers,
        observed: agent.observed.length,
        pending: agent.pending === 0 ? null : `${agent.pending} deletions`,
        pools: agent.pools.map(({ prefix, used, size }) => `${prefix} (${used} of ${size})`).join(', '),
      }),
    }),
    formatNetworks(installation),
    ...installation.files
      .filter(({ state }) => state !== 'as installed')
      .map(({ path, state }) => `${path} is ${state}`),
  ].join('\n\n');

/** Formats the networks of a folder, the one first that runtimes use. */
export const formatNetworks = ({ networks, folder }: InstallationState): string =>
  networks.length === 0
    ? `no networks in ${folder}`
    : formatTextTable(
        ['', 'NETWORK', 'VERSION', 'PLUGINS', 'FILE'],
        networks.map(({ network, version, plugins, path, fault }, index) => [
          index === 0 ? 'first' : '',
          network ?? '-',
          version ?? '-',
          fault ?? plugins.join(' '),
          path,
        ]),
      );
