import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { dumpNetworkSysctls } from '../../kernel/sysctl-dump.ts';
import { addJson, completeContent, type DumpContext, fileOf, type NamespaceTarget } from '../dump-context.ts';

/** Files of /proc that are told as they are. */
const files: readonly [path: string, title: string][] = [
  ['/proc/version', 'Version'],
  ['/proc/uptime', 'Uptime, in seconds'],
  ['/proc/loadavg', 'Load'],
  ['/proc/meminfo', 'Memory'],
  ['/proc/modules', 'Modules'],
];

/** What the kernel is, and what it was found able to do. */
export async function collectKernel({ files: into, capabilities }: DumpContext): Promise<void> {
  for (const [path, title] of files) {
    // A kernel without modules has no such file.
    if (!existsSync(path)) continue;
    await into.add({ path: `kernel/${path.split('/').at(-1)}`, title, command: `cat ${path}` }, async () =>
      completeContent(await readFile(path)),
    );
  }
  await addJson(
    into,
    { path: 'kernel/capabilities.json', title: 'Capabilities, found by trying', command: 'Podlane’s probes' },
    capabilities,
  );
  const configuration = `/boot/config-${os.release()}`;
  const command = `zcat /proc/config.gz, or cat ${configuration}`;
  await into.add({ path: 'kernel/config', title: 'Configuration', command }, async () => {
    const packed = await readFile('/proc/config.gz').catch(() => null);
    if (packed) return completeContent(await promisify(gunzip)(packed));
    return completeContent(await readFile(configuration));
  });
}

/** The sysctls of a namespace that decide about packets. */
export const collectSysctls = ({ files: into }: DumpContext, place: NamespaceTarget): Promise<void> =>
  into.add(fileOf(place, 'sysctls.txt', 'Sysctls of networking', 'sysctl, of the names listed'), async () =>
    completeContent(await dumpNetworkSysctls(place.fd)),
  );
