import { readFileSync } from 'node:fs';
import { requireValue } from '../../../contract/require-value.ts';
import { readEthtoolStatistics } from '../../kernel/ethtool-statistics.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { listLinks } from '../../netlink/link.ts';
import { runInNetworkNamespace } from '../../netlink/setns.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import {
  addJsonFile,
  type DebugDumpContext,
  type DebugDumpTarget,
  describeNamespaceFile,
  hostDebugDumpTarget,
  toCompleteDebugDumpFile,
} from '../dump-context.ts';

/** Files in /proc with statistics of the whole machine. */
const machineFiles: readonly [file: string, title: string][] = [
  ['/proc/stat', 'CPU time, context switches, total softirqs'],
  ['/proc/softirqs', 'Softirqs by CPU'],
  ['/proc/interrupts', 'Interrupts by CPU'],
  ['/proc/net/softnet_stat', 'Packets processed, dropped and squeezed, by CPU'],
];

/** Files below /proc/net with statistics of one network namespace. */
const namespaceFiles: readonly [file: string, title: string][] = [
  ['dev', 'Device counters'],
  ['snmp', 'Counters of IPv4, ICMP, TCP, UDP'],
  ['snmp6', 'Counters of IPv6'],
  ['netstat', 'Further counters of TCP and IP'],
  ['sockstat', 'Sockets in use'],
  ['sockstat6', 'IPv6 sockets in use'],
];

/** Collects statistics of the machine and of the host's network namespace. */
export async function collectStatistics(context: DebugDumpContext): Promise<void> {
  for (const [file, title] of machineFiles) {
    const path = `statistics/${file.slice('/proc/'.length).replaceAll('/', '-')}`;
    await context.files.add({ path, title, command: `cat ${file}` }, () =>
      toCompleteDebugDumpFile(readFileSync(file)),
    );
  }
  await collectNamespaceStatistics(context, hostDebugDumpTarget);
}

/** Collects the counters of a network namespace's protocols and device drivers. */
export async function collectNamespaceStatistics(
  { files }: DebugDumpContext,
  target: DebugDumpTarget,
): Promise<void> {
  using own = target.fd === null ? openCurrentNamespace() : null;
  const fd = target.fd ?? requireValue(own, 'network namespace').fd;
  for (const [file, title] of namespaceFiles)
    await files.add(describeNamespaceFile(target, `proc/${file}`, title, `cat /proc/net/${file}`), () =>
      // thread-self: /proc/net shows the main thread's namespace, not that of this thread.
      toCompleteDebugDumpFile(runInNetworkNamespace(fd, () => readFileSync(`/proc/thread-self/net/${file}`))),
    );
  const title = 'Driver statistics of the devices; null for drivers without any, such as netkit';
  await addJsonFile(
    files,
    describeNamespaceFile(target, 'ours/ethtool.json', title, 'ethtool -S of each device'),
    async () => {
      using socket = NetlinkSocket.inNamespace(fd);
      const names = (await listLinks(socket)).map(({ name }) => name);
      return runInNetworkNamespace(fd, () => readEthtoolStatistics(names));
    },
  );
}
