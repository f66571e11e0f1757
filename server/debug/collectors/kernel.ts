import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { dumpNetworkSysctls } from '../../kernel/sysctl-dump.ts';
import {
  addJsonFile,
  type DebugDumpContext,
  type DebugDumpTarget,
  describeNamespaceFile,
  toCompleteDebugDumpFile,
} from '../dump-context.ts';

/** Files in /proc that the dump stores verbatim. */
const files: readonly [path: string, title: string][] = [
  ['/proc/version', 'Version'],
  ['/proc/uptime', 'Uptime, in seconds'],
  ['/proc/loadavg', 'Load'],
  ['/proc/meminfo', 'Memory'],
  ['/proc/modules', 'Modules'],
];

/** Collects the version, configuration and probed capabilities of the kernel. */
export async function collectKernelState({ files: into, capabilities }: DebugDumpContext): Promise<void> {
  for (const [path, title] of files) {
    // A kernel without module support lacks /proc/modules.
    if (!existsSync(path)) continue;
    await into.add({ path: `kernel/${path.split('/').at(-1)}`, title, command: `cat ${path}` }, async () =>
      toCompleteDebugDumpFile(await readFile(path)),
    );
  }
  await addJsonFile(
    into,
    { path: 'kernel/capabilities.json', title: 'Probed capabilities', command: 'Podlane’s probes' },
    capabilities,
  );
  const configuration = `/boot/config-${os.release()}`;
  const command = `zcat /proc/config.gz, or cat ${configuration}`;
  await into.add({ path: 'kernel/config', title: 'Configuration', command }, async () => {
    const packed = await readFile('/proc/config.gz').catch(() => null);
    if (packed) return toCompleteDebugDumpFile(await promisify(gunzip)(packed));
    return toCompleteDebugDumpFile(await readFile(configuration));
  });
}

/** Collects the sysctls of a network namespace that affect packets. */
export const collectSysctls = ({ files: into }: DebugDumpContext, target: DebugDumpTarget): Promise<void> =>
  into.add(
    describeNamespaceFile(target, 'sysctls.txt', 'Network sysctls', 'sysctl, of the names listed'),
    async () => toCompleteDebugDumpFile(await dumpNetworkSysctls(target.fd)),
  );
